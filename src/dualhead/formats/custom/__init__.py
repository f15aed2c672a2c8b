"""A user's own data: clips in single files, a table of labels and a description of the skeleton."""

__all__ = ["skeleton_file"]
