"""Mixing the samples of a training batch, with soft labels to match.

Mixing belongs to making a batch (`collate`), so that it costs the loading processes time and not the training, and so
that what follows - finding out which bodies differ, the way to a GPU - sees the mixed clips alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dualhead.data.loading.dataset import Batch, Sample, collate
from dualhead.data.store.store import Store
from dualhead.runtime.errors import ConfigError, unknown
from dualhead.runtime.registry import Registry
from dualhead.skeleton import Skeleton
from dualhead.training.experiment import Experiment, MixingRule

Mix = Callable[..., tuple[Tensor, Tensor]]
Registered = TypeVar("Registered", bound=Mix)

_RULES: Registry[Mix] = Registry("mixing rule")


def register_mixing(name: str) -> Callable[[Registered], Registered]:
    """Register a mixing rule under a name that an experiment can give.

    The decorated function is called as `rule(clips, others, rngs, skeleton, **arguments)`, where `clips` and `others`
    are n clips and their partners `(n, C, T, V, M)`, `rngs` a `numpy.random.Generator` for each of the n, and
    `arguments`, keyword-only parameters of the rule, those of the experiment. It returns the mixed clips
    `(n, C, T, V, M)`, which must be a new tensor, and the share `(n,)` of each clip's own label; the rest is the
    partner's.

    Args:
        name: The name, of letters, digits, `_` and `-`.

    Returns:
        A decorator that returns what it is given.

    Raises:
        ConfigError: If the name has other characters, or is another rule's.
    """

    def enter(rule: Registered) -> Registered:
        _RULES.add(name, rule)
        return rule

    return enter


def check_mixing(rules: Sequence[MixingRule], store: Store | None = None) -> None:
    """Check the names in mixing rules, before anything is built.

    Args:
        rules: The experiment's.
        store: The data, whose fields `within` names; None: `within` is not looked at.

    Raises:
        ConfigError: If a rule, an argument or a field is unknown; names the nearest.
    """
    for rule in rules:
        parameters = inspect.signature(_RULES[rule.name]).parameters.values()
        known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
        for argument in rule.arguments:
            if argument not in known:
                raise unknown(f"argument of mixing rule {rule.name}", argument, known)
        if store is not None and rule.within is not None and rule.within not in store.fields:
            raise unknown("mixing.within (the store has no such field)", rule.within, store.fields)


class MixingCollate:
    """Makes batches of which some samples are mixed with another of the same batch.

    Convention: whether, how and with whom a sample is mixed is drawn from (seed, draw, row of the store), and who is in
    a batch from (seed, epoch), so that a resumed run mixes the same. A sample without a possible partner stays as it
    is. Clips are mixed as they were before any was.

    Args:
        experiment: Names the rules, the seed, and how long an epoch is.
        store: The data.

    Raises:
        ConfigError: If a rule, an argument or a field is unknown.
    """

    def __init__(self, experiment: Experiment, store: Store):
        check_mixing(experiment.mixing, store)
        self._rules = experiment.mixing
        self._mixes = [_RULES[rule.name] for rule in self._rules]  # so that a loading process need not know the names
        self._seed = experiment.seed
        self._draws = experiment.epochs * experiment.repeat
        self._classes = len(store.classes)
        self._skeleton = store.skeleton
        names = {rule.within for rule in self._rules if rule.within is not None}
        self._fields: dict[str, NDArray[np.integer]] = {name: np.asarray(store.fields[name]) for name in names}

    def __call__(self, samples: Sequence[Sample]) -> Batch:
        """Join samples to a batch and mix some of them.

        Args:
            samples: N samples of one clip each.

        Returns:
            The batch, with soft labels as `targets`.
        """
        batch = collate(samples)
        clips, labels = batch["clips"], batch["labels"]
        targets = torch.nn.functional.one_hot(labels, self._classes).float()  # (N, K)
        rngs = [
            np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(4, sample["draw"], sample["index"])))
            for sample in samples
        ]
        chances = np.array([rng.random() for rng in rngs])
        mixed, mixed_targets = clips, targets
        low = 0.0
        for rule, mix in zip(self._rules, self._mixes, strict=True):
            chosen = np.flatnonzero((low <= chances) & (chances < low + rule.probability))
            low += rule.probability
            pairs = [
                (place, partner)
                for place in chosen.tolist()
                if samples[place]["draw"] < rule.off_at * self._draws
                and (partner := self._partner(rule, samples, place, rngs[place])) is not None
            ]
            if not pairs:
                continue
            own, other = (torch.tensor(places) for places in zip(*pairs, strict=True))
            rule_rngs = [rngs[place] for place, _ in pairs]
            new, share = mix(clips[own], clips[other], rule_rngs, self._skeleton, **rule.arguments)
            if mixed is clips:
                mixed, mixed_targets = clips.clone(), targets.clone()
            mixed[own] = new
            mixed_targets[own] = torch.lerp(targets[other], targets[own], share.to(targets.dtype)[:, None])
        return {**batch, "clips": mixed, "targets": mixed_targets}

    def _partner(self, rule: MixingRule, samples: Sequence[Sample], place: int, rng: np.random.Generator) -> int | None:
        """Draw the sample of the batch that one is mixed with; None if the batch has no other."""
        others = [number for number in range(len(samples)) if number != place]
        if rule.within is not None:
            values = self._fields[rule.within]
            others = [n for n in others if values[samples[n]["index"]] == values[samples[place]["index"]]]
        return others[int(rng.integers(len(others)))] if others else None


def create_collate(experiment: Experiment, store: Store) -> Callable[[Sequence[Sample]], Batch]:
    """Return what makes the training batches of an experiment: with its mixing rules, if it has any.

    Args:
        experiment: Names the rules.
        store: The data.

    Raises:
        ConfigError: If a rule, an argument or a field is unknown.
    """
    return MixingCollate(experiment, store) if experiment.mixing else collate


@register_mixing("mixup")
def mixup(
    clips: Tensor, others: Tensor, rngs: Sequence[np.random.Generator], skeleton: Skeleton, *, alpha: float = 2.0
) -> tuple[Tensor, Tensor]:
    """Add clips: share * clip + (1 - share) * other, share drawn from Beta(alpha, alpha) (Zhang et al., ICLR 2018).

    Args:
        clips: `(n, C, T, V, M)`.
        others: Their partners.
        rngs: A generator for each.
        skeleton: The layout of the joints.
        alpha: Both parameters of the Beta distribution, above 0.

    Returns:
        The mixed clips and the shares `(n,)`.
    """
    share = _beta(rngs, alpha)
    return torch.lerp(others, clips, share[:, None, None, None, None]), share


@register_mixing("concatenate")
def concatenate(
    clips: Tensor, others: Tensor, rngs: Sequence[np.random.Generator], skeleton: Skeleton, *, alpha: float = 2.0
) -> tuple[Tensor, Tensor]:
    """Show one clip after the other, each faster, in as many frames as one has.

    Convention: of T frames round(share * T) are the clip's, the rest the other's, share drawn from Beta(alpha, alpha);
    which comes first is drawn evenly. Frame t of the n frames that a clip gets is its frame floor((t + 1/2) * T / n).
    The share of the label is that of the frames.

    Args:
        clips: `(n, C, T, V, M)`.
        others: Their partners.
        rngs: A generator for each.
        skeleton: The layout of the joints.
        alpha: Both parameters of the Beta distribution, above 0.

    Returns:
        The mixed clips and the shares `(n,)`.
    """
    frames = clips.shape[2]
    counts = [round(share * frames) for share in _beta(rngs, alpha).tolist()]
    mixed = torch.empty_like(clips)
    for place, (count, rng) in enumerate(zip(counts, rngs, strict=True)):
        parts = [clips[place][:, _squeezed(frames, count)], others[place][:, _squeezed(frames, frames - count)]]
        torch.cat(parts if rng.random() < 0.5 else parts[::-1], dim=1, out=mixed[place])
    return mixed, torch.tensor(counts) / frames


@register_mixing("part_swap")
def part_swap(
    clips: Tensor, others: Tensor, rngs: Sequence[np.random.Generator], skeleton: Skeleton, *, share: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Replace some body parts of clips, such as an arm, by those of the other clip, in all frames.

    Convention: each part of `Skeleton.parts` is the other's with probability 1 - share. The share of the label is that
    of the joints that stay.

    Args:
        clips: `(n, C, T, V, M)`.
        others: Their partners.
        rngs: A generator for each.
        skeleton: The layout of the joints.
        share: Chance of each part to stay, above 0 and below 1.

    Returns:
        The mixed clips and the shares `(n,)`.
    """
    if not 0 < share < 1:
        raise ConfigError(f"mixing.arguments.share is {share}: expected a number above 0 and below 1")
    stays = np.zeros((len(rngs), skeleton.num_joints), dtype=bool)
    for place, rng in enumerate(rngs):
        for part in skeleton.parts:
            stays[place, list(part)] = rng.random() < share
    kept = torch.from_numpy(stays)  # (n, V)
    return torch.where(kept[:, None, None, :, None], clips, others), kept.float().mean(dim=1)


def _beta(rngs: Sequence[np.random.Generator], alpha: float) -> Tensor:
    if not alpha > 0:
        raise ConfigError(f"mixing.arguments.alpha is {alpha}: expected a number above 0")
    return torch.tensor([rng.beta(alpha, alpha) for rng in rngs], dtype=torch.float32)


def _squeezed(frames: int, count: int) -> Tensor:
    """Return the frames that a clip of `frames` frames shows in `count` of them."""
    return ((2 * torch.arange(count) + 1) * frames) // max(1, 2 * count)
