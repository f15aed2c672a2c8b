"""Evaluate a trained model on a data set with other classes: how well do its features separate them?

    dualhead prepare custom mydata stores/mine
    python examples/evaluate_new_data_set.py runs/joint/last.safetensors stores/mine xsub

Every test clip gets the class whose mean feature over the training clips is nearest (cosine distance); nothing is
trained. For a data set with the same classes use `dualhead evaluate`, to adapt a model `dualhead train --init`.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch.nn.functional import normalize
from torch.utils.data import DataLoader

import dualhead


def embed(model: dualhead.SkeletonModel, store: dualhead.Store, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the features of all heads side by side, `(N, O)`, and the labels `(N,)` of some rows of a store."""
    recipe = dualhead.get_recipe(model.provenance["recipe"])
    clips = dualhead.ClipDataset(store, rows, recipe, model.provenance["stream"], train=False)
    features, labels = [], []
    for batch in DataLoader(clips, batch_size=16, num_workers=2):
        with torch.inference_mode():
            features.append(torch.cat(model.embed(batch["clips"]), dim=1))
        labels.append(batch["label"])
    return torch.cat(features), torch.cat(labels)


def main(arguments: list[str] | None = None) -> float:
    """Print the accuracy of each class and of all, and return the latter."""
    parser = argparse.ArgumentParser(description="Classify a new data set by the nearest mean feature.")
    parser.add_argument("checkpoint")
    parser.add_argument("store")
    parser.add_argument("protocol")
    options = parser.parse_args(arguments)

    model, store = dualhead.SkeletonModel.from_pretrained(options.checkpoint).eval(), dualhead.open_store(options.store)
    if store.skeleton != model.config.skeleton:
        raise SystemExit(f"the store has {store.skeleton.name}, the model needs {model.config.skeleton.name}")
    train, test = (embed(model, store, rows) for rows in store.split(options.protocol))
    centre = train[0].mean(dim=0)
    classes = sorted(set(train[1].tolist()))
    means = torch.stack([(train[0][train[1] == label] - centre).mean(dim=0) for label in classes])
    nearest = (normalize(test[0] - centre) @ normalize(means).T).argmax(dim=1)
    right = torch.tensor(classes)[nearest] == test[1]
    for label in sorted(set(test[1].tolist())):
        print(f"{store.classes[label]}: {right[test[1] == label].float().mean():.0%}")
    print(f"all {len(right)} test clips: {right.float().mean():.1%}, by chance {1 / len(classes):.1%}")
    return float(right.float().mean())


if __name__ == "__main__":
    main()
