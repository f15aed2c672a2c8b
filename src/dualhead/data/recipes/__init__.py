"""From a recording to clips of fixed shape: sampling, normalisation, augmentation and streams."""
