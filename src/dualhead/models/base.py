"""What every model of the package is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from einops import rearrange, reduce
from torch import Tensor, nn

from dualhead.layers.bodies import DistinctBodies
from dualhead.layers.input_norm import InputNorm
from dualhead.layers.norm import counting
from dualhead.layers.prepared import is_eager, is_recorded
from dualhead.layers.threads import alone, in_threads, num_sharing
from dualhead.models.config import ModelConfig
from dualhead.runtime.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from typing_extensions import Self

MIN_FRAMES = 8
"""The shortest clips that models take, in frames."""

_NODES_AT_A_TIME = 16384
"""Joints times frames that a thread computes at a time in inference: too few to need new memory."""


class ModelOutput(NamedTuple):
    """What a model may return in training in place of plain logits: logits and what its objective needs beside them.

    Attributes:
        logits: `(N, H, K)`.
        extras: Further tensors by name. An objective adds the ones that it is told to as terms of the loss, or computes
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
        config: What it was built from; set by `create_model`.
        width_step: What `width` has to be a multiple of.
        shares_frames: Whether its layers share out the frames of few bodies among threads, in inference.
        training_parts: Names of the submodules that take part in training alone; a deployed model is without them.
        provenance: What its checkpoint says of its origin; empty for a model that was loaded from none.
        input_norm: What every clip goes through first.
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
            known: What `DistinctBodies.of` said of the clips before they went to a GPU; None: it is asked now. A
                compiler or TorchScript, and clips that take gradients, get every body all the same.
        """
        if known is None or clips.requires_grad or is_recorded():
            return DistinctBodies.of(clips)
        return known

    def forward(self, clips: Tensor, bodies: DistinctBodies | None = None) -> Tensor | ModelOutput:
        """Classify.

        Args:
            clips: `(N, C, T, V, M)`, T at least 8; a body that is absent is all zeros.
            bodies: What `DistinctBodies.of` said of the clips before they went to a GPU, where nothing can look at them
                without waiting; None: it is asked here. A compiled model computes all bodies.

        Returns:
            Logits `(N, H, K)`; a model with auxiliary terms may return a `ModelOutput` in training mode.

        Raises:
            ConfigError: If the clips have other dimensions, channels, joints or bodies than the model, fewer frames, or
                there are none; or `bodies` is of other clips.
        """
        if not torch.compiler.is_compiling() and not clips.numel():
            raise ConfigError(f"clips of shape {tuple(clips.shape)} are none: give at least one")
        if clips.ndim == 5 and clips.shape[2] < MIN_FRAMES:
            raise ConfigError(
                f"clips of shape {tuple(clips.shape)} have {clips.shape[2]} frames: a model takes (N, C, T, V, M) with "
                f"T at least {MIN_FRAMES}"
            )
        if bodies is not None and bodies.shape != (clips.shape[0], clips.shape[-1]):
            raise ConfigError(
                f"bodies of shape {bodies.shape} are not those of clips of shape {tuple(clips.shape)}: give what "
                "DistinctBodies.of says of these clips, or None"
            )
        bodies = self.distinct_bodies(clips, bodies)
        x = bodies.select(self.input_norm(clips))  # (B, C, T, V)
        with counting(bodies.repeats) if bodies.repeats else nullcontext():
            pooled = self.pooled_features(x, bodies)
        return self.output([bodies.mean(head) for head in pooled])

    def output(self, pooled: Sequence[Tensor]) -> Tensor | ModelOutput:
        """Return what `forward` returns: the logits; a model with auxiliary terms may add them in training mode.

        Args:
            pooled: What `pooled` returned of the bodies, averaged over the bodies of each clip.
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
            bodies: What the B rows are.

        Returns:
            One `(B, O)` for each of the H heads.
        """
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

    @classmethod
    def from_pretrained(cls, name: str | Path, *, revision: str | None = None, token: str | None = None) -> Self:
        """Load a model with its provenance.

        Args:
            name: A folder of `save_pretrained`, a `.safetensors` checkpoint, or a repository of the Hub
                ("owner/model").
            revision: Branch, tag or commit of the repository; None: the main branch.
            token: Access token for a private repository; None: the one that `huggingface_hub` finds.

        Returns:
            The model in evaluation mode on the CPU.

        Raises:
            CheckpointError: If there is no such folder, file or repository, its weights cannot be read, or it holds
                another architecture than that of the class; `SkeletonModel` takes any.
        """
        from dualhead.models import hub

        model, _ = hub.from_pretrained(name, revision=revision, token=token)
        if not isinstance(model, cls):
            holds = type(model).__name__
            raise CheckpointError(f"{name} holds a {holds}, no {cls.__name__}: load it with {holds}.from_pretrained")
        return model

    def save_pretrained(self, folder: str | Path, *, repository: str | None = None) -> Path:
        """Write a model folder: weights, `config.json` and a card.

        Args:
            folder: The folder to create or fill.
            repository: What the card tells people to load; None: the folder.

        Returns:
            The folder.
        """
        from dualhead.models import hub

        return hub.save_pretrained(self, folder, repository=repository)

    def push_to_hub(
        self,
        repository: str,
        *,
        private: bool = False,
        token: str | None = None,
        message: str = "Upload a dualhead model",
    ) -> str:
        """Upload the model as a repository of the Hugging Face Hub.

        Args:
            repository: "owner/model"; created where it does not exist.
            private: Whether a repository that is created is private.
            token: Access token; None: the one that `huggingface_hub` finds.
            message: The commit's message.

        Returns:
            The address of the commit.

        Raises:
            CheckpointError: If the Hub refuses it.
        """
        from dualhead.models import hub

        return hub.push_to_hub(self, repository, private=private, token=token, message=message)
