"""Where published weights come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualhead.conversion.provenance import Origin
from dualhead.models.config import ModelConfig
from dualhead.runtime.errors import ConfigError, MismatchError
from dualhead.skeleton import NTU25

CONFIG = ModelConfig("dualhead", 60, NTU25)
REST = "protocol: xsub, epochs: 2, batch_size: 4"


def test_what_is_given_and_what_an_experiment_says(tmp_path: Path) -> None:
    bare = Origin.of(None, stream="bone").provenance(CONFIG)
    assert bare["stream"] == "bone"
    assert not {"dataset", "recipe", "classes", "experiment"} & bare.keys()
    own = Origin.of(None, recipe="resample64", classes=[str(number) for number in range(60)]).provenance(CONFIG)
    assert (own["recipe"], own["classes"][59]) == ("resample64", "59")
    origin = Origin.of("ntu60_xsub/dualhead")
    assert (origin.model, origin.skeleton) == ("dualhead", NTU25)
    full = origin.provenance(CONFIG)
    assert (full["dataset"], full["protocol"], full["recipe"]) == ("ntu60", "xsub", "dualhead")
    assert len(full["classes"]) == 60
    assert full["experiment"]["epochs"] == 120
    elsewhere = tmp_path / "custom.yaml"
    elsewhere.write_text(f"{{dataset: custom, recipe: dualhead, model: {{name: dualhead}}, {REST}}}")
    assert Origin.of(elsewhere).skeleton is None  # the data themselves say it


def test_contradictions_and_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'bone'"):
        Origin.of(None, stream="bones")
    with pytest.raises(ConfigError, match="did you mean 'ntu60_xsub/dualhead'"):
        Origin.of("ntu60_xsub/dualhaed")
    with pytest.raises(MismatchError, match=r"'ucla52'.*'dualhead'.*ntu60_xsub/dualhead"):
        Origin.of("ntu60_xsub/dualhead", recipe="ucla52")
    with pytest.raises(MismatchError, match="not those of data set ntu60: omit classes"):
        Origin.of("ntu60_xsub/dualhead", classes=["wave", "clap"])
    with pytest.raises(MismatchError, match=r"2 classes.*60"):
        Origin.of(None, classes=["wave", "clap"]).provenance(CONFIG)
    with pytest.raises(MismatchError, match=r"120.*60"):
        Origin.of("ntu120_xsub/dualhead").provenance(CONFIG)
    other = tmp_path / "other.yaml"
    other.write_text(f"{{recipe: dualhead, model: {{name: agcn}}, {REST}}}")
    with pytest.raises(MismatchError, match=r"'agcn'.*'dualhead'"):
        Origin.of(other).provenance(CONFIG)
    other.write_text("just text")
    with pytest.raises(ConfigError, match=r"other\.yaml"):
        Origin.of(other)
