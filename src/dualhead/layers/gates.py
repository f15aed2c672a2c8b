"""The messages between the two heads of DualHead-Net (Chen et al., ACM MM 2021, section 3.4)."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn


class TemporalGate(nn.Module):
    """Temporal attention of the sender: mean over joints, convolution over time to one channel, sigmoid.

    Starts with weights and bias of 0, so that every frame's gate is 0.5.

    Args:
        channels: C of the sender.
        kernel: Frames of the convolution, odd.
    """

    def __init__(self, channels: int, kernel: int = 9):
        super().__init__()
        self.conv = nn.Conv1d(channels, 1, kernel, padding=(kernel - 1) // 2)
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, sender: Tensor) -> Tensor:
        """Map `(B, C, T, V)` to a gate `(B, 1, T, 1)` between 0 and 1."""
        return rearrange(torch.sigmoid(self.conv(sender.mean(dim=3))), "b 1 t -> b 1 t 1")


class SpatialGate(nn.Module):
    """Spatial attention of the sender: mean over time, convolution over joints to one channel, sigmoid.

    Args:
        channels: C of the sender.
        joints: V; the kernel is V if odd, else V - 1.
    """

    def __init__(self, channels: int, joints: int):
        super().__init__()
        kernel = joints if joints % 2 else joints - 1
        self.conv = nn.Conv1d(channels, 1, kernel, padding=(kernel - 1) // 2)
        nn.init.xavier_normal_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, sender: Tensor) -> Tensor:
        """Map `(B, C, T, V)` to a gate `(B, 1, 1, V)` between 0 and 1."""
        return rearrange(torch.sigmoid(self.conv(sender.mean(dim=2))), "b 1 v -> b 1 1 v")


def gated(receiver: Tensor, gate: Tensor) -> Tensor:
    """Apply a gate to the receiver: receiver * gate + receiver.

    Args:
        receiver: `(B, C, T, V)`.
        gate: `(B, 1, T, 1)` or `(B, 1, 1, V)`.

    Returns:
        `(B, C, T, V)`.
    """
    return torch.addcmul(receiver, receiver, gate)
