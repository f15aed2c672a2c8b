"""What is in a store or a raw file, and what looks wrong in it."""

__all__: list[str] = []
