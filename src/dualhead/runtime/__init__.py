"""Errors, atomic files, terminal-safe text, progress, locks and processes: the mechanisms that every room uses."""

__all__ = ["errors", "plugins"]
