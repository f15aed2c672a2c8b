"""From a recording to clips of fixed shape: sampling, normalisation, augmentation and streams."""

__all__ = ["augment", "families", "recipe", "recipes", "step", "steps", "streams"]
