"""Summaries of stores and raw files, and detection of anomalies in them."""

__all__: list[str] = []
