"""The store: a data set on disk as one ragged array, an index and its metadata."""

from dualhead.runtime.moved import moved

__all__ = ["store"]

__getattr__ = moved(__name__, {"Store": "dualhead.Store", "open_store": "dualhead.open_store"})
