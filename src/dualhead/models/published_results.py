"""Published figures of a model, found by the words of an experiment."""

from __future__ import annotations

from dataclasses import dataclass

from dualhead.models.registry import model_entries
from dualhead.runtime.errors import unknown

_SETTINGS = {
    ("ntu60", "xsub"): "NTU RGB+D 60 xsub",
    ("ntu60", "xview"): "NTU RGB+D 60 xview",
    ("ntu120", "xsub"): "NTU RGB+D 120 xsub",
    ("ntu120", "xset"): "NTU RGB+D 120 xset",
    ("kinetics", "official"): "Kinetics-Skeleton 400",
    ("ucla", "xview"): "NW-UCLA",
}
_STREAMS = {
    "6 streams": ("joint", "bone", "joint_motion", "bone_motion", "k_bone", "k_bone_motion"),
    "4 streams": ("joint", "bone", "joint_motion", "bone_motion"),
    "2 streams": ("joint", "bone"),
    "joint stream": ("joint",),
}


@dataclass(frozen=True)
class PublishedResult:
    """One published figure.

    Attributes:
        setting: Data set, protocol and streams in words.
        streams: The streams that were fused.
        top1: Top-1 in percent.
        epoch: The published epoch, such as "best epoch on the test split".
        weights: Name of the weights of the streams, for `fuse`.
    """

    setting: str
    streams: tuple[str, ...]
    top1: float
    epoch: str = "epoch not stated"
    weights: str = "published"


def published_result(model: str, dataset: str | None, protocol: str) -> PublishedResult | None:
    """Find what was published for a model.

    Args:
        model: One of `list_models()`.
        dataset: Name of the data set, such as "ntu60".
        protocol: Its protocol, such as "xsub".

    Returns:
        The figure; None where none is known.

    Raises:
        ConfigError: If there is no such model.
    """
    entries = model_entries()
    if model not in entries:
        raise unknown("model", model, sorted(entries))
    wanted = _SETTINGS.get((dataset or "", protocol))
    for setting, top1 in entries[model].published.items():
        where, _, streams = setting.rpartition(", ")
        if where == wanted:
            entry = entries[model]
            return PublishedResult(setting, _STREAMS[streams], top1, entry.published_epoch, entry.published_weights)
    return None
