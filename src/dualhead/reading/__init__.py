"""From a path to recordings: the registry of formats, recognition, and the conventions that hold for all."""

__all__ = ["registry"]
