"""Models as folders, in the manner of the Hugging Face Hub: `model.safetensors`, `config.json` and a card.

`SkeletonModel` hands its `from_pretrained`, `save_pretrained` and `push_to_hub` on to `HubModel` instead of inheriting
from the Hub's mixin, whose import takes a tenth as long as that of PyTorch, for all who only predict.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import ModelCard, PyTorchModelHubMixin, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from dualhead.models.checkpoint import load_checkpoint, save_checkpoint
from dualhead.models.config import ModelConfig
from dualhead.models.registry import model_entries
from dualhead.runtime.errors import CheckpointError
from dualhead.runtime.files import write_text
from dualhead.version import __version__

if TYPE_CHECKING:
    from dualhead.models.base import SkeletonModel

WEIGHTS, CONFIG = "model.safetensors", "config.json"
"""Files of a model folder beside its card; the first alone rebuilds the model."""

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
import dualhead

model = dualhead.SkeletonModel.from_pretrained("{repository}")
```

| provenance | |
|---|---|
{provenance}
"""


class HubModel(PyTorchModelHubMixin, library_name="dualhead", tags=["skeleton-based-action-recognition"]):
    """A model as the Hub's mixin sees it; its files are our checkpoint, its configuration in JSON and a card.

    Attributes:
        model: The model.
    """

    def __init__(self, wrapped: SkeletonModel):  # no name of a key of config.json, whose values the mixin would pass
        self.model = wrapped

    def _save_pretrained(self, save_directory: Path) -> None:
        """Write weights and configuration."""
        config, provenance = self.model.config, dict(self.model.provenance)
        save_checkpoint(save_directory / WEIGHTS, self.model, provenance)
        facts = {"library": "dualhead", "version": __version__, "model": config.to_dict(), "provenance": provenance}
        write_text(save_directory / CONFIG, json.dumps(facts, indent=2, sort_keys=True) + "\n")

    @classmethod
    def _from_pretrained(  # type: ignore[override]
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
    ) -> HubModel:
        """Load the weights of a folder or repository."""
        if Path(model_id).is_dir():
            return cls(load_checkpoint(Path(model_id) / WEIGHTS)[0])
        path = hf_hub_download(
            model_id,
            WEIGHTS,
            revision=revision,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
            token=token,
        )
        return cls(load_checkpoint(path)[0])

    def generate_model_card(self, repo_id: str = "FOLDER", **_: Any) -> ModelCard:
        """Create the card.

        Args:
            repo_id: The repository to load in the card's example.
        """
        return ModelCard(_card(self.model.config, self.model.provenance, repo_id))


def load(name: str | Path, **options: Any) -> SkeletonModel:
    """Load a model from a folder, a checkpoint file or the Hugging Face Hub.

    Args:
        name: A folder of `save_pretrained`, a `.safetensors` checkpoint, or a repository of the Hub ("owner/model").
        **options: Of `PyTorchModelHubMixin.from_pretrained`: `revision`, `token`, `cache_dir`, `force_download`,
            `local_files_only`.

    Returns:
        The model in evaluation mode on the CPU.

    Raises:
        CheckpointError: If there is no such folder, file or repository, or its weights cannot be read.
    """
    if Path(name).is_file():
        return load_checkpoint(name)[0]
    try:
        return HubModel.from_pretrained(str(name), **options).model
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointError(
            f"{name} is not a local folder or file, and the Hugging Face Hub does not return its {WEIGHTS} "
            f"({type(error).__name__}): pass a folder, a checkpoint or a repository such as owner/model"
        ) from error


def save(model: SkeletonModel, folder: str | Path, **options: Any) -> str | None:
    """Write a model folder; the options are those of `PyTorchModelHubMixin.save_pretrained`.

    Returns:
        The address of the commit with `push_to_hub=True`.
    """
    card = {"repo_id": options.get("repo_id") or str(folder)}
    with _uploading(options.get("repo_id") or str(folder), model):
        return HubModel(model).save_pretrained(folder, model_card_kwargs=card, **options)


def push(model: SkeletonModel, repo_id: str, **options: Any) -> str:
    """Upload a model; the options are those of `PyTorchModelHubMixin.push_to_hub`.

    Returns:
        The address of the commit.
    """
    options = {"commit_message": "Upload a dualhead model", **options}
    with _uploading(repo_id, model):
        return str(HubModel(model).push_to_hub(repo_id, model_card_kwargs={"repo_id": repo_id}, **options))


@contextmanager
def _uploading(repo_id: str, model: SkeletonModel) -> Iterator[None]:
    """Convert errors of the Hub to ours."""
    try:
        yield
    except (HfHubHTTPError, HFValidationError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f"{repo_id} rejected the {type(model).__name__}: {reason}; check the name and token"
        ) from error


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
