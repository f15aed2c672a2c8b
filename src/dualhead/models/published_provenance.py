"""Where published weights come from, as far as it is known."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from dualhead.errors import ConfigError, MismatchError, unknown
from dualhead.formats.registry import get_source, list_sources
from dualhead.models.base import ModelConfig
from dualhead.version import __version__

Stream = Literal["joint", "bone", "joint_motion", "bone_motion"]


def published_provenance(config: ModelConfig, experiment: str | Path | None, stream: str | None) -> dict[str, Any]:
    """Say where published weights come from, in the words of our checkpoints.

    Args:
        config: The model's.
        experiment: The experiment they were trained in, a YAML file or a short name; None: not known.
        stream: The stream they were trained on; None: not known.

    Returns:
        Provenance as in docs/architecture.md.

    Raises:
        ConfigError: If there is no such stream or experiment.
        MismatchError: If the experiment is for another model, or its data set has another number of classes.
    """
    if stream is not None and stream not in get_args(Stream):
        raise unknown("stream", stream, get_args(Stream))
    provenance: dict[str, Any] = {
        "model": config.name,
        "variant": dict(config.variant),
        "skeleton": config.skeleton.name,
        "num_bodies": config.num_bodies,
        "version": __version__,
        "selection": "published",
        "epoch": None,
        "seed": None,
    }
    if stream is not None:
        provenance["stream"] = stream
    if experiment is None:
        return provenance
    values = _read_experiment(experiment)
    name = (values.get("model") or {}).get("name")
    if name != config.name:
        raise MismatchError(f"experiment {experiment} is for model {name!r}, the checkpoint for {config.name!r}")
    provenance |= {"experiment": values}
    provenance |= {key: values[key] for key in ("dataset", "protocol", "recipe") if key in values}
    if values.get("dataset") in list_sources():
        classes = get_source(values["dataset"]).classes  # none where the data themselves name them
        if classes and len(classes) != config.num_classes:
            raise MismatchError(
                f"data set {values['dataset']} of experiment {experiment} has {len(classes)} classes, "
                f"the checkpoint {config.num_classes}: give the experiment that the weights were trained in"
            )
        if classes:
            provenance["classes"] = list(classes)
    return provenance


def _read_experiment(experiment: str | Path) -> dict[str, Any]:
    """Read an experiment's plain values; `training` checks them when it uses them."""
    shipped = Path(str(resources.files("dualhead") / "configs"))
    path = Path(experiment) if Path(experiment).is_file() else shipped / f"{experiment}.yaml"
    if not path.is_file():
        names = sorted(file.relative_to(shipped).with_suffix("").as_posix() for file in shipped.glob("*/*.yaml"))
        raise unknown("experiment (no such file, and no such name)", str(experiment), names)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict) or not isinstance(values.get("model"), dict):
        raise ConfigError(f"{path} names no model: give an experiment, such as ntu60_xsub/dualhead")
    return values
