"""From a store to batches: dataset, sampler, hold-out and data module."""
