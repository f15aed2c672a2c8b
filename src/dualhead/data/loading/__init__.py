"""From a store to batches: dataset, sampler, hold-out and data module."""

__all__ = ["dataset"]
