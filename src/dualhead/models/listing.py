"""Facts about every model: the one source of `dualhead models` and of docs/models.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dualhead.models.registry import create_model, model_entries, variant_arguments

_CLASSES, _SKELETON, _BODIES = 60, "ntu25", 2

COUNTED_FOR = "NTU RGB+D 60 (25 joints, 2 bodies, 60 classes)"
"""The data set and clip that parameters and multiplications are counted for."""

_PAGE = """# Models

Written by `dualhead.models.listing.models_page`; change the models, then run

    python -c "from dualhead.models.listing import models_page; print(models_page(), end='')" > docs/models.md

Every model takes clips `(N, C, T, V, M)` and gives logits `(N, H, K)`, H being its heads. Parameters and GMACs are
counted for {counted_for}. GMACs are 10^9 multiply-accumulate operations of
convolutions, matrix products and linear layers for one clip with both bodies, T frames long, as the paper writes the
architecture. This package runs fewer: a channel mixing that commutes with a sum over joints comes first where that is
cheaper.

{overview}
{details}"""


@dataclass(frozen=True)
class ModelCard:
    """Facts about one model.

    Attributes:
        name: Its name in the registry.
        paper: The paper that published it.
        heads: Names of its heads.
        parameters: Number of parameters, counted for `COUNTED_FOR`.
        frames: T of the clips that it was published with.
        gmacs: 10^9 multiply-accumulate operations of one clip of that length, as the paper writes the model; None: not
            known.
        arguments: Variant arguments and their defaults.
        width_step: `width` is a multiple of this.
        published: Published top-1 in percent, by data set, protocol and streams.
    """

    name: str
    paper: str
    heads: tuple[str, ...]
    parameters: int
    frames: int
    gmacs: float | None
    arguments: Mapping[str, Any]
    width_step: int
    published: Mapping[str, float]


def describe_models() -> list[ModelCard]:
    """Describe the models that `create_model` and experiments know: size, cost and published results.

    Returns:
        One card for each, sorted by name.
    """
    cards = []
    for name, entry in sorted(model_entries().items()):
        model = create_model(name, num_classes=_CLASSES, skeleton=_SKELETON, num_bodies=_BODIES)
        cards.append(
            ModelCard(
                name=name,
                paper=entry.paper,
                heads=model.heads,
                parameters=sum(parameter.numel() for parameter in model.parameters()),
                frames=entry.frames,
                gmacs=entry.gmacs,
                arguments=variant_arguments(entry),
                width_step=entry.architecture.width_step,
                published=entry.published,
            )
        )
    return cards


def gigas(count: float | None) -> str:
    """Write a number of GMACs to two decimals, a dash where it is not known."""
    return "-" if count is None else f"{count:.2f}"


def models_page() -> str:
    """Write docs/models.md.

    Returns:
        Markdown.
    """
    cards = describe_models()
    rows = [
        "| name | heads | parameters | T | GMACs |",
        "|---|---|---:|---:|---:|",
        *(
            f"| `{card.name}` | {', '.join(card.heads)} | {card.parameters:,} | {card.frames} | {gigas(card.gmacs)} |"
            for card in cards
        ),
        "",
    ]
    return _PAGE.format(
        counted_for=COUNTED_FOR, overview="\n".join(rows), details="\n".join(_details(card) for card in cards)
    )


def _details(card: ModelCard) -> str:
    arguments = ", ".join(f"`{name}` ({default!r})" for name, default in card.arguments.items())
    about = f"Variant arguments and their defaults: {arguments}."
    if card.width_step > 1:
        about += f" `width` is a multiple of {card.width_step}."
    lines = [f"## {card.name}", "", f"{card.paper}.", "", about, ""]
    if card.published:
        lines += ["| published setting | top-1, % |", "|---|---:|"]
        lines += [f"| {setting} | {value} |" for setting, value in card.published.items()]
        lines += [""]
    return "\n".join(lines)
