import os
import subprocess
import sys
from pathlib import Path

import pytest

from dualhead.runtime.errors import ConfigError, MismatchError, TrainingError
from dualhead.training.experiment import Experiment
from dualhead.training.run_folder import RunFolder
from tests.training.conftest import MakeExperiment

IDENTITY = {"stream": "joint", "dataset": "ucla", "data_fingerprint": "abc"}


def claimed(path: Path, experiment: Experiment) -> RunFolder:
    """A folder in which an epoch of a run was finished."""
    folder = RunFolder(path)
    folder.claim(experiment, IDENTITY)
    folder.resume.parent.mkdir()
    folder.resume.write_bytes(b"state")
    return folder


def test_a_folder_belongs_to_its_run(make_experiment: MakeExperiment, tmp_path: Path) -> None:
    folder = claimed(tmp_path / "run", make_experiment(num_workers=0))
    folder.check(make_experiment(num_workers=3), IDENTITY)  # workers do not change the result
    with pytest.raises(MismatchError, match=r"'joint'.*'bone'"):
        folder.check(make_experiment(), {**IDENTITY, "stream": "bone"})
    with pytest.raises(MismatchError, match=r"data_fingerprint.*'abc'.*'xyz'"):
        folder.check(make_experiment(), {**IDENTITY, "data_fingerprint": "xyz"})
    with pytest.raises(MismatchError, match=r"optimizer\.lr.*0\.05.*0\.1"):
        folder.check(make_experiment(optimizer={"lr": 0.1}), IDENTITY)
    model = {"name": "dualhead", "arguments": {"dropout": 0.3, "num_gcn_scales": 2, "num_g3d_scales": 2}}
    with pytest.raises(MismatchError, match=r"model\.arguments\.width.*6.*'not given'"):
        folder.check(make_experiment(model=model), IDENTITY)


def test_a_run_without_a_finished_epoch_gives_way(make_experiment: MakeExperiment, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.check(make_experiment(), IDENTITY)
    folder.claim(make_experiment(), IDENTITY)
    folder.check(make_experiment(seed=1), IDENTITY)
    assert not folder.resume.exists()


def test_a_file_is_no_folder_and_a_damaged_record_is_said(make_experiment: MakeExperiment, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="is a file"):
        RunFolder(tmp_path / "file").check(make_experiment(), IDENTITY)
    folder = claimed(tmp_path / "run", make_experiment())
    folder.identity.write_text("{")
    with pytest.raises(ConfigError, match=r"run\.json"):
        folder.check(make_experiment(), IDENTITY)
    folder.identity.unlink()
    with pytest.raises(ConfigError, match=r"run\.json"):
        folder.check(make_experiment(), IDENTITY)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_two_processes_cannot_train_in_one_folder(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from dualhead.runtime.errors import TrainingError\n"
        "from dualhead.training.run_folder import RunFolder\n"
        "try:\n"
        "    with RunFolder(sys.argv[1]).locked():\n"
        "        print('free')\n"
        "except TrainingError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with RunFolder(tmp_path).locked():
        held = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    free = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"process {os.getpid()} on host" in held
    assert free == "free\n"
    with RunFolder(tmp_path).locked(), pytest.raises(TrainingError), RunFolder(tmp_path).locked():
        pass


def test_a_foreign_folder_is_refused(make_experiment: MakeExperiment, tmp_path: Path) -> None:
    out = tmp_path / "run"
    folder = RunFolder(out)
    folder.check_place()
    assert not out.exists()
    out.mkdir()
    (out / ".lock").touch()
    (out / ".run-abc.json").touch()  # of a run that was killed at its start
    folder.check_place()
    (out / "thesis.tex").touch()
    with pytest.raises(ConfigError, match=r"run holds thesis\.tex and no run: choose a folder that is empty"):
        folder.check(make_experiment(), IDENTITY)
    folder.claim(make_experiment(), IDENTITY)
    folder.check(make_experiment(), IDENTITY)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="file is a file: pass a folder"):
        RunFolder(tmp_path / "file" / "runs" / "joint").check_place()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(ConfigError, match=f"no permission to write to {tmp_path}: choose another folder"):
        RunFolder(tmp_path / "runs" / "joint").check_place()
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
