"""A little data set in the syntax of Northwestern-UCLA, for the tests that need a store."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from dualhead.data.prepare.prepare import prepare
from dualhead.data.store.store import Store, open_store

ACTIONS = (1, 2, 3)
SUBJECTS = (1, 2, 3, 4, 5)
VIEWS = (1, 2, 3)


def make_store(folder: Path, subjects: tuple[int, ...] = SUBJECTS) -> Store:
    """Prepare one clip of 4 to 9 frames for each action, subject and view; views 1 and 2 train."""
    rng = np.random.default_rng(0)
    raw = folder / "raw"
    raw.mkdir()
    for action in ACTIONS:
        for subject in subjects:
            for view in VIEWS:
                name = f"a{action:02d}_s{subject:02d}_e00_v{view:02d}"
                joints = rng.normal(size=(int(rng.integers(4, 10)), 20, 3)).round(3)
                content = {"file_name": name, "skeletons": joints.tolist(), "label": action}
                (raw / f"{name}.json").write_text(json.dumps(content))
    prepare("ucla", raw, folder / "store", workers=1, quiet=True)
    return open_store(folder / "store")
