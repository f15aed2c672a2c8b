"""Skeleton-based action recognition: raw recordings in; trained, evaluated, fused multi-stream models out.

The public names are imported when first used, so that `import dualhead` and `dualhead --help` stay fast.
"""

from __future__ import annotations

from importlib import import_module

from dualhead.runtime.moved import moved
from dualhead.version import __version__

TYPE_CHECKING = False  # as type checkers know it; `typing` takes as long to import as all else here
if TYPE_CHECKING:
    from dualhead.conversion.published import load_published
    from dualhead.data.frames import join_frames
    from dualhead.data.loading.dataset import ClipDataset
    from dualhead.data.prepare.prepare import prepare
    from dualhead.data.reading import read
    from dualhead.data.recipes.families import register_recipe
    from dualhead.data.recipes.recipe import Recipe
    from dualhead.data.recipes.recipes import get_recipe
    from dualhead.data.recipes.step import Stage, Step, register_augmentation, register_step
    from dualhead.data.recipes.streams import register_stream
    from dualhead.data.store.store import Store, open_store
    from dualhead.evaluation.fusion import fuse
    from dualhead.evaluation.scores import Scores
    from dualhead.exporting.export import export
    from dualhead.formats.file_format import FileFormat
    from dualhead.inference.deploy import deploy
    from dualhead.inference.evaluate import evaluate
    from dualhead.inference.prediction import Prediction
    from dualhead.inference.predictor import Predictor
    from dualhead.inference.segments import Segment, merge_segments
    from dualhead.models.base import ModelOutput, SkeletonModel
    from dualhead.models.registry import create_model, list_models, register_model
    from dualhead.poses.command import PoseEstimator
    from dualhead.reading.registry import register_format
    from dualhead.reproduction import reproduce
    from dualhead.runtime.plugins import import_plugins
    from dualhead.sequence import SkeletonSequence
    from dualhead.skeleton import Skeleton, get_skeleton
    from dualhead.synthetic.generate import generate
    from dualhead.synthetic.videos import generate_videos
    from dualhead.training.config import load_experiment
    from dualhead.training.experiment import Experiment
    from dualhead.training.mixing import register_mixing
    from dualhead.training.objectives import Objective, register_objective
    from dualhead.training.train import train
    from dualhead.visualize.animation import render
    from dualhead.visualize.inspect import inspect
    from dualhead.visualize.report_command import report

_HOMES = {
    "ClipDataset": "data.loading.dataset",
    "Experiment": "training.experiment",
    "FileFormat": "formats.file_format",
    "ModelOutput": "models.base",
    "Objective": "training.objectives",
    "PoseEstimator": "poses.command",
    "Prediction": "inference.prediction",
    "Predictor": "inference.predictor",
    "Recipe": "data.recipes.recipe",
    "Scores": "evaluation.scores",
    "Segment": "inference.segments",
    "Skeleton": "skeleton",
    "SkeletonModel": "models.base",
    "SkeletonSequence": "sequence",
    "Stage": "data.recipes.step",
    "Step": "data.recipes.step",
    "Store": "data.store.store",
    "create_model": "models.registry",
    "deploy": "inference.deploy",
    "evaluate": "inference.evaluate",
    "export": "exporting.export",
    "fuse": "evaluation.fusion",
    "generate": "synthetic.generate",
    "generate_videos": "synthetic.videos",
    "get_recipe": "data.recipes.recipes",
    "get_skeleton": "skeleton",
    "import_plugins": "runtime.plugins",
    "inspect": "visualize.inspect",
    "join_frames": "data.frames",
    "list_models": "models.registry",
    "load_experiment": "training.config",
    "load_published": "conversion.published",
    "merge_segments": "inference.segments",
    "open_store": "data.store.store",
    "prepare": "data.prepare.prepare",
    "read": "data.reading",
    "register_augmentation": "data.recipes.step",
    "register_format": "reading.registry",
    "register_mixing": "training.mixing",
    "register_model": "models.registry",
    "register_objective": "training.objectives",
    "register_recipe": "data.recipes.families",
    "register_step": "data.recipes.step",
    "register_stream": "data.recipes.streams",
    "render": "visualize.animation",
    "report": "visualize.report_command",
    "reproduce": "reproduction",
    "train": "training.train",
}

__all__ = [
    "ClipDataset",
    "Experiment",
    "FileFormat",
    "ModelOutput",
    "Objective",
    "PoseEstimator",
    "Prediction",
    "Predictor",
    "Recipe",
    "Scores",
    "Segment",
    "Skeleton",
    "SkeletonModel",
    "SkeletonSequence",
    "Stage",
    "Step",
    "Store",
    "__version__",
    "create_model",
    "deploy",
    "evaluate",
    "export",
    "fuse",
    "generate",
    "generate_videos",
    "get_recipe",
    "get_skeleton",
    "import_plugins",
    "inspect",
    "join_frames",
    "list_models",
    "load_experiment",
    "load_published",
    "merge_segments",
    "open_store",
    "prepare",
    "read",
    "register_augmentation",
    "register_format",
    "register_mixing",
    "register_model",
    "register_objective",
    "register_recipe",
    "register_step",
    "register_stream",
    "render",
    "report",
    "reproduce",
    "train",
]


_find_moved = moved(
    __name__,
    {
        "errors": "dualhead.runtime.errors",
        "files": "dualhead.runtime.files",
        "memory": "dualhead.runtime.memory",
        "terminal": "dualhead.runtime.terminal",
    },
)


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        _find_moved(name)
    return getattr(import_module(f"dualhead.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names, for completion in a shell."""
    return sorted(__all__)
