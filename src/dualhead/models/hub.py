"""Models as folders, in the manner of the Hugging Face Hub: `model.safetensors`, `config.json` and a card."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import load_checkpoint, read_metadata, save_checkpoint
from dualhead.models.config import ModelConfig
from dualhead.models.registry import model_entries
from dualhead.runtime.errors import CheckpointError
from dualhead.runtime.files import replacing, write_text
from dualhead.version import __version__

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
"""Files of a model folder; the first alone rebuilds the model, the others are for people and the Hub."""

_CARD = """---
library_name: dualhead
tags:
- skeleton-based-action-recognition
- {name}
---

# {name} on {skeleton}

{paper}.

A model of `dualhead` {version} with {classes} classes for clips of {bodies} bodies with {joints} joints.

```python
from dualhead.models.base import SkeletonModel

model = SkeletonModel.from_pretrained("{repository}")
```

| provenance | |
|---|---|
{provenance}
"""


def save_pretrained(
    checkpoint: str | Path | SkeletonModel, folder: str | Path, *, repository: str | None = None
) -> Path:
    """Write a model folder.

    Args:
        checkpoint: A `.safetensors` file of `save_checkpoint`, or a model.
        folder: The folder to create or fill.
        repository: What the card tells people to load; None: the folder.

    Returns:
        The folder.

    Raises:
        CheckpointError: If the checkpoint cannot be read.
    """
    target = Path(folder)
    if isinstance(checkpoint, SkeletonModel):
        save_checkpoint(target / WEIGHTS, checkpoint, checkpoint.provenance)
    else:
        read_metadata(checkpoint)
        with replacing(target / WEIGHTS) as temporary:
            shutil.copyfile(checkpoint, temporary)
    config, provenance = read_metadata(target / WEIGHTS)
    facts = {"library": "dualhead", "version": __version__, "model": config.to_dict(), "provenance": provenance}
    write_text(target / CONFIG, json.dumps(facts, indent=2, sort_keys=True) + "\n")
    write_text(target / CARD, _card(config, provenance, repository or str(folder)))
    return target


def _card(config: ModelConfig, provenance: Mapping[str, Any], repository: str) -> str:
    rows = [
        f"| {key} | {value} |"
        for key, value in sorted(provenance.items())
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    ]
    return _CARD.format(
        name=config.name,
        skeleton=config.skeleton.name,
        paper=model_entries()[config.name].paper,
        version=__version__,
        classes=config.num_classes,
        bodies=config.num_bodies,
        joints=config.skeleton.num_joints,
        repository=repository,
        provenance="\n".join(rows),
    )


def from_pretrained(
    name: str | Path, *, revision: str | None = None, token: str | None = None
) -> tuple[SkeletonModel, dict[str, Any]]:
    """Load a model from a folder, a checkpoint file or the Hugging Face Hub.

    Args:
        name: A folder of `save_pretrained`, a `.safetensors` checkpoint, or a repository of the Hub ("owner/model").
        revision: Branch, tag or commit of the repository; None: the main branch.
        token: Access token for a private repository; None: the one that `huggingface_hub` finds.

    Returns:
        The model in evaluation mode on the CPU, and its provenance.

    Raises:
        CheckpointError: If there is no such folder, file or repository, or its weights cannot be read.
    """
    path = Path(name)
    if path.is_dir():
        return load_checkpoint(path / WEIGHTS)
    if path.is_file():
        return load_checkpoint(path)
    try:
        return load_checkpoint(hf_hub_download(str(name), WEIGHTS, revision=revision, token=token))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointError(
            f"{name} is no folder or file here, and the Hugging Face Hub does not give its {WEIGHTS} "
            f"({type(error).__name__}): give a folder, a checkpoint or a repository such as owner/model"
        ) from error


def push_to_hub(
    checkpoint: str | Path | SkeletonModel,
    repository: str,
    *,
    private: bool = False,
    token: str | None = None,
    message: str = "Upload a dualhead model",
) -> str:
    """Upload a model as a repository of the Hugging Face Hub.

    Args:
        checkpoint: A `.safetensors` file of `save_checkpoint`, or a model.
        repository: "owner/model"; created where it does not exist.
        private: Whether a repository that is created is private.
        token: Access token; None: the one that `huggingface_hub` finds.
        message: The commit's message.

    Returns:
        The address of the commit.

    Raises:
        CheckpointError: If the checkpoint cannot be read, or the Hub refuses it.
    """
    what = f"the {type(checkpoint).__name__}" if isinstance(checkpoint, SkeletonModel) else checkpoint
    api = HfApi(token=token, library_name="dualhead", library_version=__version__)
    with tempfile.TemporaryDirectory() as folder:
        save_pretrained(checkpoint, folder, repository=repository)
        try:
            api.create_repo(repository, private=private, exist_ok=True)
            commit = api.upload_folder(repo_id=repository, folder_path=folder, commit_message=message)
        except (HfHubHTTPError, HFValidationError, OSError) as error:
            reason = " ".join(str(error).split())
            raise CheckpointError(f"{repository} does not take {what}: {reason}; check the name and token") from error
    return str(commit.commit_url)
