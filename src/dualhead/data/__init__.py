"""From recordings to batches.

- `prepare`, `bodies`, `store`: raw recordings to a store.
- `recipes`: sequences to clips; `loading`: clips to batches; `export`: a store as others' files.
"""

from dualhead.runtime.moved import moved

__all__ = ["bodies", "export", "frames", "loading", "prepare", "reader", "reading", "recipes", "store"]

__getattr__ = moved(
    __name__,
    {
        "datamodule": "dualhead.data.loading.datamodule",
        "dataset": "dualhead.data.loading.dataset",
    },
)
