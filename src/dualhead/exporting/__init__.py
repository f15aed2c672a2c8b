"""Trained models for other runtimes: traced, written, and checked against the model before a file is kept."""

__all__ = ["export"]
