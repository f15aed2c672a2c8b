"""From raw recordings to a store: resumable, parallel, with a reason for every file that is left out."""

__all__ = ["prepare"]
