"""Where published weights come from, as far as it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from dualhead.models.base import ModelConfig
from dualhead.reading.sources import get_source, list_sources
from dualhead.runtime.errors import ConfigError, MismatchError, unknown
from dualhead.runtime.yaml_file import read_yaml
from dualhead.skeleton import Skeleton
from dualhead.version import __version__

Stream = Literal["joint", "bone", "joint_motion", "bone_motion"]


@dataclass(frozen=True)
class Origin:
    """What is known of how published weights came to be; None or nothing where it is not known.

    Attributes:
        experiment: The values of the experiment that they were trained in.
        stream: The stream that they were trained on.
        recipe: The recipe of their clips.
        classes: Names of the classes, in the order of the labels.
        skeleton: The skeleton of the experiment's data set.
        name: What messages call the experiment.
    """

    experiment: Mapping[str, Any] | None
    stream: str | None
    recipe: str | None
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
            ConfigError: If there is no such stream or experiment.
            MismatchError: If the recipe or the class names are not the experiment's.
        """
        if stream is not None and stream not in get_args(Stream):
            raise unknown("stream", stream, get_args(Stream))
        own = tuple(classes or ())
        if experiment is None:
            return cls(None, stream, recipe, own, None, "")
        values = _read_experiment(experiment)
        if recipe not in (None, values.get("recipe")):
            raise MismatchError(
                f"recipe is {recipe!r}, and {values.get('recipe')!r} in experiment {experiment}: give one of the two"
            )
        source = get_source(values["dataset"]) if values.get("dataset") in list_sources() else None
        known = () if source is None else tuple(source.classes)  # none where the data themselves name them
        if own and known and own != known:
            raise MismatchError(f"the class names are not those of data set {values['dataset']}: leave classes out")
        skeleton = source.skeleton if source is not None and known else None
        return cls(values, stream, values.get("recipe"), own or known, skeleton, str(experiment))

    @property
    def model(self) -> str | None:
        """The experiment's model."""
        name = None if self.experiment is None else self.experiment["model"].get("name")
        return name if isinstance(name, str) else None

    def provenance(self, config: ModelConfig) -> dict[str, Any]:
        """Say it in the words of our checkpoints.

        Args:
            config: The model's.

        Returns:
            Provenance as in docs/architecture.md.

        Raises:
            MismatchError: If the experiment is for another model, or there is another number of classes.
        """
        if self.experiment is not None and self.model != config.name:
            raise MismatchError(
                f"experiment {self.name} is for model {self.model!r}, the checkpoint for {config.name!r}"
            )
        if self.classes and len(self.classes) != config.num_classes:
            whose = (
                f"data set {self.experiment['dataset']} of experiment {self.name} has"
                if self.experiment
                else "there are"
            )
            raise MismatchError(
                f"{whose} {len(self.classes)} classes, the checkpoint {config.num_classes}: give the experiment that "
                "the weights were trained in, or the names of its classes"
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
            said |= {"experiment": self.experiment}
            said |= {key: self.experiment[key] for key in ("dataset", "protocol") if key in self.experiment}
        said |= {key: value for key, value in (("stream", self.stream), ("recipe", self.recipe)) if value is not None}
        return said | ({"classes": list(self.classes)} if self.classes else {})


def _read_experiment(experiment: str | Path) -> dict[str, Any]:
    """Read an experiment's plain values; `training` checks them when it uses them."""
    shipped = Path(str(resources.files("dualhead") / "configs"))
    path = Path(experiment) if Path(experiment).is_file() else shipped / f"{experiment}.yaml"
    if not path.is_file():
        names = sorted(file.relative_to(shipped).with_suffix("").as_posix() for file in shipped.glob("*/*.yaml"))
        raise unknown("experiment (no such file, and no such name)", str(experiment), names)
    values = read_yaml(path)
    if not isinstance(values, dict) or not isinstance(values.get("model"), dict):
        raise ConfigError(f"{path} names no model: give an experiment, such as ntu60_xsub/dualhead")
    return values
