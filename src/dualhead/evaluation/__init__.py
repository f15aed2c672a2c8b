"""Score files joined by sample name, metrics, calibration and fusion; NumPy only."""
