"""Train a model on clips of your own, a folder for each class, and name the clips of people it has not seen.

    python examples/train_own_clips.py clips/ out/ --skeleton ntu25

`clips/wave/anna_1.csv` is a clip of the class "wave" by anna. Any format of docs/formats.md will do: arrays, CSV, the
files of a pose program; no two clips may have the same name. A third of the people test.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import dualhead


def describe(clips: Path, out: Path, skeleton: str) -> list[Path]:
    """Write the description and the table of docs/custom-data.md into a folder, and return the test clips."""
    files = sorted(path for path in clips.glob("*/*") if path.is_file())
    people = sorted({path.stem.split("_")[0] for path in files})
    if len(people) < 3:
        raise SystemExit(f"{clips} has clips of {len(people)} people: expected 3, in files CLASS/PERSON_NUMBER.csv")
    train = people[: len(people) - len(people) // 3]
    protocols = {"people": {"field": "person", "train": train}}
    description = {"skeleton": skeleton, "table": "table.csv", "protocols": protocols}
    out.mkdir(parents=True, exist_ok=True)
    (out / "dataset.yaml").write_text(json.dumps(description))  # JSON is YAML too
    rows = [f"{path.stem},{path.parent.name},{path.stem.split('_')[0]}" for path in files]
    (out / "table.csv").write_text("\n".join(["name,label,person", *rows]) + "\n")
    return [path for path in files if path.stem.split("_")[0] not in train]


def main(arguments: list[str] | None = None) -> None:
    """Prepare, train and predict."""
    parser = argparse.ArgumentParser(description="Train a model on a folder of clips for each class.")
    parser.add_argument("clips", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--skeleton", default="ntu25", help="layout of the joints: a name, see docs/custom-data.md")
    parser.add_argument("--recipe", default="resample64", help="resample64 for 3D, dualhead64 for 2D skeletons")
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args(arguments)

    test_clips = describe(options.clips, options.out / "description", options.skeleton)
    dualhead.prepare("custom", [options.out / "description", options.clips], options.out / "store")
    changes = {"dataset": None, "protocol": "people", "recipe": options.recipe, "epochs": options.epochs}
    experiment = dualhead.load_experiment("videos/dualhead", changes)
    dualhead.train(experiment, options.out / "store", options.out / "run")

    predictor = dualhead.Predictor.from_checkpoint(options.out / "run" / "last.safetensors")
    for path in test_clips:
        (best,) = predictor.predict(path).top(1)
        print(f"{path.parent.name}/{path.name}: {best.name} {best.probability:.0%}")


if __name__ == "__main__":
    main()
