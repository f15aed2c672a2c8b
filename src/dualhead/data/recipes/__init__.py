"""From a recording to clips of fixed shape: sampling, normalisation, augmentation and streams."""

from dualhead.runtime.moved import moved

__all__ = ["augment", "families", "recipe", "recipes", "step", "steps", "streams"]

__getattr__ = moved(
    __name__,
    {
        "STREAMS": "dualhead.data.recipes.recipes.STREAMS",
        "get_recipe": "dualhead.get_recipe",
    },
)
