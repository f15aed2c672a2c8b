"""The generator of recordings in real NTU `.skeleton` syntax, for the demo, the tests and the benchmarks."""

__all__ = ["generate", "sensor", "videos"]
