"""The skeletons that come with the package: the only place where a joint number is written."""

__all__ = ["skeleton"]
