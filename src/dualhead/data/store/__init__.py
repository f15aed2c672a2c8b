"""The store: a data set on disk as one ragged array, an index and its metadata."""

__all__ = ["store"]
