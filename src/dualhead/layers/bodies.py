"""The distinct bodies of a batch: all that are present, and one row for all that are absent."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from einops import reduce
from torch import Tensor

from dualhead.layers.counted_norm import Repeats
from dualhead.layers.prepared import is_eager, without_waiting
from dualhead.runtime.errors import ConfigError


@dataclass(frozen=True)
class DistinctBodies:
    """The rows of a batch of N clips with M bodies that differ from one another.

    About four fifths of the clips of NTU RGB+D have one body; the second is all zeros there, the same in every clip.

    Attributes:
        rows: The indices of the N * M rows that are computed, `(B,)`.
        source: For each of the N * M rows the computed row that gives its result, `(N * M,)`.
        bodies: M.
        repeats: Computed rows that represent several, with their counts.
        absent: Computed rows that represent an absent body, each with the number of that body, 0 to M - 1.
    """

    rows: Tensor
    source: Tensor
    bodies: int
    repeats: Repeats
    absent: tuple[tuple[int, int], ...] = ()

    @classmethod
    def every(cls, clips: Tensor) -> DistinctBodies:
        """Map every row to itself, without a search for equal ones.

        Args:
            clips: `(N, C, T, V, M)`.
        """
        rows = torch.arange(clips.shape[0] * clips.shape[-1], device=clips.device)
        return cls(rows, rows, clips.shape[-1], ())

    @classmethod
    def of(cls, clips: Tensor) -> DistinctBodies:
        """Find them.

        Every row is different where looking at the clips would stop a GPU or a trace of the model, and where the clips
        take gradients, which differ even from one absent body to another. For a GPU, ask while the clips are still on
        the CPU, and move the answer with `to`.

        Args:
            clips: `(N, C, T, V, M)`.

        Raises:
            ConfigError: If there are not five dimensions.
        """
        if clips.ndim != 5:
            raise ConfigError(f"clips have shape {tuple(clips.shape)}: expected (N, C, T, V, M)")
        if not is_eager(clips) or clips.requires_grad:
            return cls.every(clips)
        present = (clips != 0).flatten(1, 3).any(dim=1).tolist()  # (N, M)
        rows: list[int] = []
        source: list[int] = []
        absent: dict[int, int] = {}
        counts: dict[int, int] = {}
        bodies = clips.shape[-1]
        for clip, row_present in enumerate(present):
            for body, there in enumerate(row_present):
                if not there and body in absent:
                    source.append(absent[body])
                    counts[absent[body]] += 1
                    continue
                if not there:
                    absent[body] = len(rows)
                    counts[len(rows)] = 1
                source.append(len(rows))
                rows.append(clip * bodies + body)
        repeats = tuple((row, times) for row, times in counts.items() if times > 1)
        seats = tuple((row, body) for body, row in absent.items())
        device = clips.device
        return cls(torch.tensor(rows, device=device), torch.tensor(source, device=device), bodies, repeats, seats)

    def to(self, device: torch.device | str) -> DistinctBodies:
        """Move to a device, with the clips; no host waits for a CUDA GPU.

        Args:
            device: The device.
        """
        rows = without_waiting(self.rows, device)
        source = rows if self.source is self.rows else without_waiting(self.source, device)
        return replace(self, rows=rows, source=source)

    @property
    def shape(self) -> tuple[int, int]:
        """N and M."""
        return self.source.shape[0] // self.bodies, self.bodies

    def select(self, x: Tensor) -> Tensor:
        """Gather the rows to compute from `(N * M, C, T, V)`: `(B, C, T, V)`, channels-last in memory."""
        if self.rows is self.source or self.rows.shape == x.shape[:1]:
            return x
        return x.movedim(1, -1).contiguous().index_select(0, self.rows).movedim(-1, 1)

    def mean(self, pooled: Tensor) -> Tensor:
        """Average over all M bodies: `(B, C)` to `(N, C)`."""
        if self.rows is not self.source and self.rows.shape != self.source.shape:
            pooled = pooled[self.source]
        return reduce(pooled, "(n m) c -> n c", "mean", m=self.bodies)


def send(clips: Tensor, device: torch.device | str) -> tuple[Tensor, DistinctBodies]:
    """Move clips to a device, and find their distinct bodies before: on a GPU the host could not look at them.

    Args:
        clips: `(N, C, T, V, M)`, on the CPU.
        device: The device.

    Returns:
        The clips and their distinct bodies, both on the device.
    """
    return without_waiting(clips, device), DistinctBodies.of(clips).to(device)
