"""Low-level files: folders, archives, compressed data, arrays, JSON and pickles, read without trust."""

__all__: list[str] = []
