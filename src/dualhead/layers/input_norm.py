"""The batch norm in front of every model."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn


class InputNorm(nn.BatchNorm1d):
    """Batch norm over bodies, joints and channels at every frame; folds the bodies into the batch.

    Args:
        channels: C.
        joints: V.
        bodies: M, or 1 to share the statistics of V*C channels among all bodies (ST-GCN).
    """

    def __init__(self, channels: int, joints: int, bodies: int):
        super().__init__(bodies * joints * channels)
        self.shared = bodies == 1

    def forward(self, clips: Tensor) -> Tensor:
        """Normalise.

        Args:
            clips: `(N, C, T, V, M)`.

        Returns:
            `(N * M, C, T, V)`, channels-last in memory.
        """
        bodies, joints = clips.shape[-1], clips.shape[-2]
        x = rearrange(clips, "n c t v m -> (n m) (v c) t" if self.shared else "n c t v m -> n (m v c) t")
        x = super().forward(x)
        if self.shared:
            x = rearrange(x, "b (v c) t -> b c t v", v=joints)
        else:
            x = rearrange(x, "n (m v c) t -> (n m) c t v", m=bodies, v=joints)
        return x.contiguous(memory_format=torch.channels_last)
