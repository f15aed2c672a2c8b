"""Trained models at work: prediction on recordings, files, folders and stores."""

__all__ = ["deploy", "live", "prediction", "predictor", "segments"]
