"""The batch norm in front of every model."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from dualhead.runtime.errors import ConfigError


class InputNorm(nn.BatchNorm1d):
    """Batch norm over bodies, joints and channels at every frame; folds the bodies into the batch.

    Args:
        channels: C.
        joints: V.
        bodies: M; None: all bodies, however many, share the statistics of V*C channels (ST-GCN).
    """

    def __init__(self, channels: int, joints: int, bodies: int | None):
        super().__init__((bodies or 1) * joints * channels)
        self.channels, self.joints, self.bodies = channels, joints, bodies
        self.shared = bodies is None

    def forward(self, clips: Tensor) -> Tensor:
        """Normalise.

        Args:
            clips: `(N, C, T, V, M)`.

        Returns:
            `(N * M, C, T, V)`, channels-last in memory.

        Raises:
            ConfigError: If the clips have other channels, joints or bodies than the model.
        """
        bodies, joints = clips.shape[-1], clips.shape[-2]
        wrong_bodies = not self.shared and bodies != self.bodies
        if clips.shape[1] != self.channels or joints != self.joints or wrong_bodies:
            raise ConfigError(
                f"clips of shape {tuple(clips.shape)} do not match the model: expected (N, {self.channels}, T, "
                f"{self.joints}, {'M' if self.shared else self.bodies})"
            )
        x = rearrange(clips, "n c t v m -> (n m) (v c) t" if self.shared else "n c t v m -> n (m v c) t")
        x = super().forward(x)
        if self.shared:
            x = rearrange(x, "b (v c) t -> b c t v", v=joints)
        else:
            x = rearrange(x, "n (m v c) t -> (n m) c t v", m=bodies, v=joints)
        return x.contiguous(memory_format=torch.channels_last)
