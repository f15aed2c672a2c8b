"""Initialisation of the convolutions of 2s-AGCN and CTR-GCN."""

from __future__ import annotations

from torch import nn


def initialize_convolutions(module: nn.Module) -> None:
    """Draw every 2D convolution of a module from He et al.'s normal distribution over outputs, with biases of 0.

    Args:
        module: Changed in place (He et al., Delving Deep into Rectifiers, ICCV 2015, eq. 14).
    """
    for convolution in module.modules():
        if isinstance(convolution, nn.Conv2d):
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out")
            if convolution.bias is not None:
                nn.init.zeros_(convolution.bias)
