"""The local page in the browser: a webcam or a file, and what checkpoints say about the people in it."""

__all__ = ["command", "live"]
