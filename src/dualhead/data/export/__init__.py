"""A store as the files that other projects read."""
