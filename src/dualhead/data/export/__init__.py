"""A store as the files that other projects read."""

__all__ = ["arrays", "pyskl"]
