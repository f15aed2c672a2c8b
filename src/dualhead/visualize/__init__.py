"""Pictures: animated skeletons, plots, and the HTML report. Heavy imports are in the modules, not here."""

__all__ = ["animation", "inspect", "report_command"]
