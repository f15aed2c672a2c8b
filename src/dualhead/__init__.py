"""Skeleton-based action recognition: raw recordings in; trained, evaluated, fused multi-stream models out.

The public names are imported when first used, so that `import dualhead` and `dualhead --help` stay fast.
"""

from __future__ import annotations

from importlib import import_module

from dualhead.version import __version__

TYPE_CHECKING = False  # as type checkers know it; `typing` takes as long to import as all else here
if TYPE_CHECKING:
    from dualhead.conversion.published import load_published
    from dualhead.data.prepare.prepare import prepare
    from dualhead.data.recipes.recipes import get_recipe
    from dualhead.data.store.store import open_store
    from dualhead.evaluation.fusion import fuse
    from dualhead.evaluation.scores import Scores
    from dualhead.inference.deploy import deploy
    from dualhead.inference.predictor import Predictor
    from dualhead.models.registry import create_model, list_models, register_model
    from dualhead.reading.registry import register_format
    from dualhead.sequence import SkeletonSequence
    from dualhead.skeleton import Skeleton
    from dualhead.training.evaluate import evaluate
    from dualhead.training.mixing import register_mixing
    from dualhead.training.objectives import register_objective
    from dualhead.training.train import train

_HOMES = {
    "Predictor": "inference.predictor",
    "Scores": "evaluation.scores",
    "Skeleton": "skeleton",
    "SkeletonSequence": "sequence",
    "create_model": "models.registry",
    "deploy": "inference.deploy",
    "evaluate": "training.evaluate",
    "fuse": "evaluation.fusion",
    "get_recipe": "data.recipes.recipes",
    "list_models": "models.registry",
    "load_published": "conversion.published",
    "open_store": "data.store.store",
    "prepare": "data.prepare.prepare",
    "register_format": "reading.registry",
    "register_mixing": "training.mixing",
    "register_model": "models.registry",
    "register_objective": "training.objectives",
    "train": "training.train",
}

__all__ = [
    "Predictor",
    "Scores",
    "Skeleton",
    "SkeletonSequence",
    "__version__",
    "create_model",
    "deploy",
    "evaluate",
    "fuse",
    "get_recipe",
    "list_models",
    "load_published",
    "open_store",
    "prepare",
    "register_format",
    "register_mixing",
    "register_model",
    "register_objective",
    "train",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'dualhead' has no attribute {name!r}")
    return getattr(import_module(f"dualhead.{_HOMES[name]}"), name)
