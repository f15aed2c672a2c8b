"""Published checkpoints in and out: as their authors' code wrote them, and as checkpoints of this package."""

__all__ = ["published"]
