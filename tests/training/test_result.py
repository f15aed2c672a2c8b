from dataclasses import replace
from pathlib import Path

import pytest

from dualhead.evaluation.metrics import Metrics
from dualhead.runtime.errors import ConfigError
from dualhead.training.result import SelectionResult, TrainResult, load_result, save_result, summary
from dualhead.training.run_folder import RunFolder


def heads(top1: float) -> dict[str, Metrics]:
    return {"mean": Metrics(count=10, top1=top1, top5=1.0, mean_class=top1, cross_entropy=0.5)}


def result(folder: Path, finished: bool = True, best: bool = True, one_clip: bool = False) -> TrainResult:
    last = SelectionResult(4, folder / "last.safetensors", heads(0.5), heads(0.4))
    chosen = SelectionResult(2, folder / "best.safetensors", heads(0.7), heads(0.6)) if best else None
    last = replace(last, one_clip=heads(0.3)) if one_clip else last
    return TrainResult(folder, finished, 4, last, chosen, {"stream": "bone"})


@pytest.mark.parametrize("best", [True, False])
@pytest.mark.parametrize("one_clip", [True, False])
def test_what_is_saved_is_read_back(tmp_path: Path, best: bool, one_clip: bool) -> None:
    save_result(RunFolder(tmp_path), result(tmp_path, best=best, one_clip=one_clip))
    assert load_result(RunFolder(tmp_path)) == result(tmp_path, best=best, one_clip=one_clip)


def test_the_summary_names_last_and_best_apart(tmp_path: Path) -> None:
    assert summary(result(tmp_path)) == [
        "best epoch by validation top-1 (2): validation top-1 70.00 %, test top-1 60.00 %, best.safetensors",
        "last epoch (4): validation top-1 50.00 %, test top-1 40.00 %, last.safetensors",
    ]
    assert "test top-1 40.00 %, one clip top-1 30.00 %" in summary(result(tmp_path, one_clip=True))[1]
    assert summary(result(tmp_path, finished=False, best=False))[1:] == [
        "stopped after epoch 4; the same command goes on"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"schema": 1, "epochs": 3}', "damaged"),
        ('{"schema": 1, "epochs": 3, "last": null, "best": null}', "damaged"),
        ('{"schema": 99, "version": "7.0"}', "install dualhead 7.0"),
    ],
)
def test_a_file_that_cannot_be_used_is_said(tmp_path: Path, text: str, words: str) -> None:
    folder = RunFolder(tmp_path)
    folder.result.write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_result(folder)
