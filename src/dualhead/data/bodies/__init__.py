"""Body selections: which of the bodies that a sensor saw are the people who act."""

__all__ = ["selection"]
