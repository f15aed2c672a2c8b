"""Trained models at work: prediction on recordings, files, folders and stores."""

__all__ = ["deploy", "evaluate", "live", "prediction", "predictor", "segments"]
