"""NTU RGB+D: the `.skeleton` syntax and the sources that are written in it."""

__all__: list[str] = []
