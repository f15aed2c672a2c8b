"""Provenance of published weights, as far as it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dualhead.data.recipes.recipes import RecipeSpec, get_recipe
from dualhead.data.recipes.streams import check_stream
from dualhead.models.config import ModelConfig
from dualhead.reading.sources import get_source, list_sources
from dualhead.runtime.errors import MismatchError
from dualhead.skeleton import Skeleton
from dualhead.training.config import load_experiment
from dualhead.training.experiment import Experiment
from dualhead.version import __version__


@dataclass(frozen=True)
class Origin:
    """The known provenance of published weights; None or empty where it is not known.

    Attributes:
        experiment: The experiment that they were trained in.
        stream: The stream that they were trained on.
        recipe: The recipe of their clips.
        classes: Names of the classes, in the order of the labels.
        skeleton: The skeleton of the experiment's data set.
        name: The name of the experiment in messages.
    """

    experiment: Experiment | None
    stream: str | None
    recipe: RecipeSpec | None
    classes: tuple[str, ...]
    skeleton: Skeleton | None
    name: str

    @classmethod
    def of(
        cls,
        experiment: str | Path | None,
        *,
        stream: str | None = None,
        recipe: str | None = None,
        classes: Sequence[str] | None = None,
    ) -> Origin:
        """Gather what is given and what the experiment says.

        Args:
            experiment: A YAML file or a short name; None: not known.
            stream: The stream; None: not known.
            recipe: The recipe; None: the experiment's.
            classes: The class names; None: those of the experiment's data set, where it has its own.

        Returns:
            What is known.

        Raises:
            ConfigError: If there is no such stream or experiment, or the experiment cannot be used.
            MismatchError: If the recipe or the class names are not the experiment's.
        """
        if stream is not None:
            check_stream(stream)
        own = tuple(classes or ())
        if experiment is None:
            return cls(None, stream, recipe, own, None, "")
        found = load_experiment(experiment)
        if recipe not in (None, found.recipe):
            raise MismatchError(
                f"recipe is {recipe!r}, and {found.recipe!r} in experiment {experiment}: pass one of the two"
            )
        source = get_source(found.dataset) if found.dataset in list_sources() else None
        known = () if source is None else tuple(source.classes)  # none where the data themselves name them
        if own and known and own != known:
            raise MismatchError(f"the class names are not those of data set {found.dataset}: omit classes")
        skeleton = source.skeleton if source is not None and known else None
        return cls(found, stream, found.recipe, own or known, skeleton, str(experiment))

    @property
    def model(self) -> str | None:
        """The experiment's model."""
        return None if self.experiment is None else self.experiment.model.name

    def provenance(self, config: ModelConfig) -> dict[str, Any]:
        """Return it in the words of our checkpoints.

        Args:
            config: The model's.

        Returns:
            Provenance as in docs/architecture.md.

        Raises:
            MismatchError: If the experiment is for another model, there is another number of classes, or the recipe
                makes clips of other channels or bodies.
        """
        if self.experiment is not None and self.model != config.name:
            raise MismatchError(
                f"experiment {self.name} is for model {self.model!r}, the checkpoint for {config.name!r}"
            )
        if self.classes and len(self.classes) != config.num_classes:
            whose = (
                f"data set {self.experiment.dataset} of experiment {self.name} has" if self.experiment else "there are"
            )
            raise MismatchError(
                f"{whose} {len(self.classes)} classes, the checkpoint {config.num_classes}: pass the experiment that "
                "the weights were trained in, or the names of its classes"
            )
        if self.recipe is not None:
            recipe = get_recipe(self.recipe)
            wanted = (recipe.channels(config.skeleton, self.stream or "joint"), recipe.num_bodies(config.skeleton))
            if wanted != (config.in_channels, config.num_bodies):
                raise MismatchError(
                    f"recipe {recipe.name!r} makes clips of {wanted[0]} channels and {wanted[1]} bodies, the model "
                    f"takes {config.in_channels} and {config.num_bodies}: pass the recipe that it was trained on"
                )
        said: dict[str, Any] = {
            "model": config.name,
            "variant": dict(config.variant),
            "skeleton": config.skeleton.name,
            "num_bodies": config.num_bodies,
            "version": __version__,
            "selection": "published",
            "epoch": None,
            "seed": None,
        }
        if self.experiment is not None:
            said |= {"experiment": self.experiment.as_dict(), "protocol": self.experiment.protocol}
            said |= {} if self.experiment.dataset is None else {"dataset": self.experiment.dataset}
        said |= {key: value for key, value in (("stream", self.stream), ("recipe", self.recipe)) if value is not None}
        return said | ({"classes": list(self.classes)} if self.classes else {})
