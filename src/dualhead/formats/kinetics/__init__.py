"""Kinetics-Skeleton 400: clips in JSON and their label files."""

__all__: list[str] = []
