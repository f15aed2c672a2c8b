"""Architectures, one per file; the registry that builds them by name; their checkpoints, ours and published."""

__all__ = ["base", "checkpoint", "listing", "registry"]
