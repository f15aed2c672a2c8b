"""Score files joined by sample name, metrics, calibration and fusion; NumPy only."""

__all__ = ["calibration", "detection", "fusion", "metrics", "scores"]
