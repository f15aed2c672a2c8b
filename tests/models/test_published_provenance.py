"""Where published weights come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualhead.errors import ConfigError, MismatchError
from dualhead.models.base import ModelConfig
from dualhead.models.published_provenance import published_provenance
from dualhead.skeleton import NTU25

CONFIG = ModelConfig("dualhead", 60, NTU25)


def test_provenance(tmp_path: Path) -> None:
    bare = published_provenance(CONFIG, None, "bone")
    assert bare["stream"] == "bone"
    assert "dataset" not in bare
    full = published_provenance(CONFIG, "ntu60_xsub/dualhead", None)
    assert (full["dataset"], full["protocol"], full["recipe"]) == ("ntu60", "xsub", "dualhead")
    assert len(full["classes"]) == 60
    assert full["experiment"]["epochs"] == 120
    with pytest.raises(ConfigError, match="did you mean 'bone'"):
        published_provenance(CONFIG, None, "bones")
    with pytest.raises(ConfigError, match="did you mean 'ntu60_xsub/dualhead'"):
        published_provenance(CONFIG, "ntu60_xsub/dualhaed", None)
    with pytest.raises(MismatchError, match="has 120 classes, the checkpoint 60"):
        published_provenance(CONFIG, "ntu120_xsub/dualhead", None)
    other = tmp_path / "other.yaml"
    other.write_text("model: {name: agcn}\n")
    with pytest.raises(MismatchError, match="is for model 'agcn', the checkpoint for 'dualhead'"):
        published_provenance(CONFIG, other, None)
    other.write_text("just text")
    with pytest.raises(ConfigError, match="names no model"):
        published_provenance(CONFIG, other, None)
