"""The base class of every model of the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from einops import rearrange, reduce
from torch import Tensor, nn

from dualhead.layers.bodies import DistinctBodies
from dualhead.layers.counted_norm import counting
from dualhead.layers.input_norm import InputNorm
from dualhead.layers.prepared import is_autocast, is_eager, is_recorded
from dualhead.layers.threads import alone, backward_alone, in_threads, num_sharing
from dualhead.models.config import ModelConfig
from dualhead.runtime.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from typing_extensions import Self

MIN_FRAMES = 8
"""The shortest clips that models take, in frames."""

_NODES_AT_A_TIME = 16384
"""Joints times frames that a thread computes at a time in inference: too few to need new memory."""


class ModelOutput(NamedTuple):
    """The output of a model in training, in place of plain logits: logits and further tensors for its objective.

    Attributes:
        logits: `(N, H, K)`.
        extras: Further tensors by name. An objective adds those that are configured as terms of the loss, or computes
            terms from them; outside of training there are none.
    """

    logits: Tensor
    extras: Mapping[str, Tensor] = MappingProxyType({})

    @classmethod
    def of(cls, output: Tensor | ModelOutput) -> ModelOutput:
        """Wrap plain logits; return anything else unchanged."""
        return cls(output) if isinstance(output, Tensor) else output


class SkeletonModel(nn.Module):
    """A classifier of clips: bodies to features, features to logits.

    Attributes:
        heads: Name of each of the H heads.
        config: The arguments of `create_model`, which sets it.
        width_step: A number of which `width` has to be a multiple.
        shares_frames: Whether its layers share out the frames of few bodies among threads, in inference.
        training_parts: Names of the submodules that take part in training alone; a deployed model is without them.
        provenance: The provenance in its checkpoint; empty for a model that was not loaded.
        input_norm: The norm that every clip passes first.
    """

    heads: ClassVar[tuple[str, ...]] = ("main",)
    width_step: ClassVar[int] = 1
    shares_frames: ClassVar[bool] = False
    training_parts: ClassVar[tuple[str, ...]] = ()
    config: ModelConfig
    provenance: Mapping[str, Any]
    input_norm: InputNorm

    def __init__(self) -> None:
        super().__init__()
        self.provenance = {}

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the features of bodies.

        Args:
            x: `(B, C, T, V)`, normalised, channels-last in memory.

        Returns:
            One `(B, O, T', V)` for each of the H heads, which differ in O and T'.
        """
        raise NotImplementedError

    def classify(self, pooled: Sequence[Tensor]) -> Tensor:
        """Map the mean features of clips, an `(N, O)` for each of the H heads, to logits `(N, H, K)`."""
        raise NotImplementedError

    def distinct_bodies(self, clips: Tensor, known: DistinctBodies | None = None) -> DistinctBodies:
        """Find the distinct bodies.

        Args:
            clips: `(N, C, T, V, M)`.
            known: The result of `DistinctBodies.of` before the clips went to a GPU; None: it is computed now. A
                compiler or TorchScript, and clips that take gradients, get every body all the same.
        """
        if known is None or clips.requires_grad or is_recorded():
            return DistinctBodies.of(clips)
        return known

    def forward(self, clips: Tensor, bodies: DistinctBodies | None = None) -> Tensor | ModelOutput:
        """Classify.

        Args:
            clips: `(N, C, T, V, M)`, T at least 8; a body that is absent is all zeros.
            bodies: The result of `DistinctBodies.of` before the clips went to a GPU, where their values are not read
                without waiting; None: it is asked here. A compiled model computes all bodies.

        Returns:
            Logits `(N, H, K)`; a model with auxiliary terms may return a `ModelOutput` in training mode.

        Raises:
            ConfigError: If the clips have other dimensions, channels, joints or bodies than the model, fewer frames, or
                there are none; or `bodies` is of other clips.
        """
        return self.output(self._pooled_clips(clips, bodies))

    def _pooled_clips(self, clips: Tensor, bodies: DistinctBodies | None) -> list[Tensor]:
        """Check clips, and compute what `pooled` returns of their bodies, averaged over the bodies of each clip."""
        if not torch.compiler.is_compiling() and not clips.numel():
            raise ConfigError(f"clips of shape {tuple(clips.shape)} have no sample: pass at least one")
        if clips.ndim == 5 and clips.shape[2] < MIN_FRAMES:
            raise ConfigError(
                f"clips of shape {tuple(clips.shape)} have {clips.shape[2]} frames: a model takes (N, C, T, V, M) with "
                f"T at least {MIN_FRAMES}"
            )
        if bodies is not None and bodies.shape != (clips.shape[0], clips.shape[-1]):
            raise ConfigError(
                f"bodies of shape {bodies.shape} are not those of clips of shape {tuple(clips.shape)}: pass "
                "DistinctBodies.of(clips), or None"
            )
        bodies = self.distinct_bodies(clips, bodies)
        x = bodies.select(self.input_norm(clips))  # (B, C, T, V)
        with counting(bodies.repeats) if bodies.repeats else nullcontext():
            pooled = self.pooled_features(x, bodies)
        return [bodies.mean(head) for head in pooled]

    def output(self, pooled: Sequence[Tensor]) -> Tensor | ModelOutput:
        """Return what `forward` returns: the logits; a model with auxiliary terms may add them in training mode.

        Args:
            pooled: The result of `pooled`, averaged over the bodies of each clip.
        """
        return self.classify(pooled)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the forward pass in place, as `torch.nn.Module.compile` does, after a shorter look at the code.

        It is meant for GPUs. A compiled model computes all bodies, and on a CPU it is slower than one that is not.

        Args:
            args: As `torch.compile` takes them.
            kwargs: Likewise.
        """
        for operation in (rearrange, reduce):  # which take longer to look into than all the rest
            torch.compiler.allow_in_graph(operation)  # type: ignore[no-untyped-call]
        super().compile(*args, **kwargs)

    def pooled_features(self, x: Tensor, bodies: DistinctBodies) -> list[Tensor]:
        """Average the features of bodies over frames and joints.

        Args:
            x: `(B, C, T, V)`, normalised.
            bodies: The bodies of the B rows.

        Returns:
            One `(B, O)` for each of the H heads.
        """
        if torch.is_grad_enabled() and is_eager(x) and self.shares_frames and not is_autocast(x):
            with alone():
                return [backward_alone(head) for head in self.pooled(x)]
        if torch.is_grad_enabled() or not is_eager(x):
            return self.pooled(x)
        if any(part.training for part in self.modules()):  # a norm that learns needs all bodies at once
            return self.pooled(x)
        if len(x) < num_sharing():
            with alone() if self.shares_frames else nullcontext():
                return self.pooled(x)

        def compute(parts: Sequence[Tensor]) -> list[list[Tensor]]:
            return [self.pooled(some) for some in parts]

        means = chain.from_iterable(in_threads(compute, self._some_at_a_time(x)))
        return [torch.cat(head) for head in zip(*means, strict=True)]

    def pooled(self, x: Tensor) -> list[Tensor]:
        """Compute the mean features of bodies, one `(B, O)` for each of the H heads, in the calling thread.

        Args:
            x: `(B, C, T, V)`, normalised.
        """
        return [reduce(h, "b o t v -> b o", "mean") for h in self.features(x)]

    def drop_training_parts(self) -> None:
        """Delete the submodules that take part in training alone; the model only predicts from now on."""
        for name in self.training_parts:
            delattr(self, name)

    @staticmethod
    def _some_at_a_time(x: Tensor) -> Sequence[Tensor]:
        """Split into a few bodies each: at least one part for each thread, and no part that leaves the cache."""
        share = -(-len(x) // num_sharing())
        return torch.split(x, max(1, min(share, _NODES_AT_A_TIME // (x.shape[2] * x.shape[3]))))

    def embed(self, clips: Tensor, bodies: DistinctBodies | None = None) -> tuple[Tensor, ...]:
        """Compute the pooled features that the classifiers see, such as for search or clustering.

        Args:
            clips: As `forward` takes them.
            bodies: Likewise.

        Returns:
            One `(N, O)` for each of the H heads, in their order, averaged over frames, joints and bodies.

        Raises:
            ConfigError: As `forward`.
        """
        return tuple(self._pooled_clips(clips, bodies)[: len(self.heads)])

    def make_classifier(self, features: int, num_classes: int) -> nn.Module:
        """Create the classifier of a head with fresh weights.

        Args:
            features: O.
            num_classes: K.
        """
        return nn.Linear(features, num_classes)

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the classifier of every head by a fresh one, of the type and on the device of the former.

        The names of the former classes leave the provenance.

        Args:
            num_classes: K from now on.

        Raises:
            ConfigError: If K is not an integer of at least 1.
        """
        if not isinstance(num_classes, int) or isinstance(num_classes, bool) or num_classes < 1:
            raise ConfigError(f"num_classes is {num_classes!r}: a model needs a whole number of at least 1")
        for name, former in list(self.named_children()):
            if name.endswith("classifier"):
                weight: Tensor = former.weight  # type: ignore[assignment]
                fresh = self.make_classifier(weight.shape[1], num_classes)
                setattr(self, name, fresh.to(weight.device, weight.dtype).train(former.training))
        self.config = replace(self.config, num_classes=num_classes)
        self.provenance = {key: value for key, value in self.provenance.items() if key != "classes"}

    @classmethod
    def from_pretrained(cls, name: str | Path, **options: Any) -> Self:
        """Load a model with its provenance.

        Args:
            name: A folder of `save_pretrained`, a `.safetensors` checkpoint, or a repository of the Hub
                ("owner/model").
            **options: Of `huggingface_hub.PyTorchModelHubMixin.from_pretrained`: `revision`, `token`, `cache_dir`,
                `force_download`, `local_files_only`.

        Returns:
            The model in evaluation mode on the CPU.

        Raises:
            CheckpointError: If there is no such folder, file or repository, its weights cannot be read, or it holds
                another architecture than that of the class; `SkeletonModel` takes any.
        """
        from dualhead.models import hub

        model = hub.load(name, **options)
        if not isinstance(model, cls):
            holds = type(model).__name__
            raise CheckpointError(f"{name} holds a {holds}, no {cls.__name__}: load it with {holds}.from_pretrained")
        return model

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> str | None:
        """Write a model folder: weights, `config.json` and a card; a card that is there stays.

        Args:
            save_directory: The folder to create or fill.
            **options: Of `huggingface_hub.PyTorchModelHubMixin.save_pretrained`: `repo_id` (which the card names; the
                folder by default), `push_to_hub`, and the options of `push_to_hub`.

        Returns:
            The address of the commit with `push_to_hub=True`, None without.

        Raises:
            CheckpointError: If the Hub refuses it.
            ConfigError: If an option has a name of version 0.1.
        """
        from dualhead.models import hub

        _refuse_old(options)
        return hub.save(self, save_directory, **options)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Upload the model as a repository of the Hugging Face Hub.

        Args:
            repo_id: "owner/model"; created where it does not exist.
            **options: Of `huggingface_hub.PyTorchModelHubMixin.push_to_hub`: `private`, `token`, `commit_message`,
                `branch`, `create_pr`.

        Returns:
            The address of the commit.

        Raises:
            CheckpointError: If the Hub refuses it.
            ConfigError: If an option has a name of version 0.1.
        """
        from dualhead.models import hub

        _refuse_old(options)
        return hub.push(self, repo_id, **options)


_OLD_OPTIONS = {"repository": "repo_id", "message": "commit_message"}


def _refuse_old(options: Mapping[str, Any]) -> None:
    for old, new in _OLD_OPTIONS.items():
        if old in options:
            raise ConfigError(f"option {old} of version 0.1 is now {new}, as huggingface_hub calls it: pass {new}")
