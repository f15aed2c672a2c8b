"""The experiment, the Lightning module, `train()` and `evaluate()`."""

__all__ = ["config", "evaluate", "experiment", "mixing", "objectives", "train"]
