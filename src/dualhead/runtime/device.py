"""Choice of the device that computes."""

from __future__ import annotations

import torch

from dualhead.runtime.errors import ConfigError


def find_device(device: str | torch.device | None = None) -> torch.device:
    """Find the device to run on.

    Args:
        device: Such as "cpu", "mps" or "cuda:1"; "auto" or None: a CUDA GPU if there is one, else the CPU.

    Returns:
        The device.

    Raises:
        ConfigError: If it cannot be used.
    """
    if device is None or device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(device)
        if place.type == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("PyTorch finds no CUDA GPU on this machine")
        torch.empty(1, device=place).cpu()  # there and back: what is on "meta" has no numbers
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"device {str(device)!r} cannot be used ({reason}): pass cpu or a device of this machine"
        ) from error
    return place
