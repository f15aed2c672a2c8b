"""The experiment, the Lightning module, `train()` and `evaluate()`."""
