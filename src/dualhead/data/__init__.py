"""From recordings to batches.

- `prepare`, `bodies`, `store`: raw recordings to a store.
- `recipes`: sequences to clips; `loading`: clips to batches; `export`: a store as others' files.
"""

__all__ = ["bodies", "export", "frames", "loading", "prepare", "reader", "reading", "recipes", "store"]
