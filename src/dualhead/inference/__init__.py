"""Trained models at work: prediction on recordings, files, folders and stores."""
