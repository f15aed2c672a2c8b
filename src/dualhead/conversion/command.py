"""The command `dualhead convert`: published weights to a checkpoint that can be used, and what it still lacks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dualhead.conversion.convert import OUR_SUFFIX, Conversion, convert
from dualhead.conversion.published import KeyReport, PublishedKeysError
from dualhead.data.recipes.recipes import RecipeSpec, get_recipe
from dualhead.models.config import ModelConfig
from dualhead.runtime.errors import CheckpointError, ConfigError, MismatchError
from dualhead.runtime.terminal import cell, print_line
from dualhead.training.config import load_experiment

_OWN_RECIPES: dict[tuple[str | None, str | None], str] = {
    ("stgcn", "ntu25"): "stgcn_ntu",
    ("stgcn", "openpose18"): "stgcn_kinetics",
}
"""Recipes of published weights by model and skeleton, where no other weights of that model are published."""


def convert_and_print(
    source: Path,
    out: Path,
    model: str | None = None,
    skeleton: str | None = None,
    num_classes: int | None = None,
    num_bodies: int | None = None,
    experiment: str | None = None,
    stream: str | None = None,
    recipe: str | None = None,
    classes: Path | None = None,
) -> Conversion:
    """Convert a checkpoint of the published code into ours, or ours back, and report every key.

    The direction follows from the suffix of `out`. Only tensors are unpickled. Class count, bodies, channels, width,
    depth and scales are read off the tensors' shapes. What else `predict` and `evaluate` need, the weights do not say:
    an experiment and a stream give all of it.

    Args:
        source: The checkpoint: `.pt`, `.pth` or bare `.safetensors` of published keys; or one of ours.
        out: The file to create or replace: `.safetensors` for ours, `.pt` or `.pth` for the published layout.
        model: Name of the model; a published source needs it, or an experiment that names it.
        skeleton: Name of the skeleton; a published source needs it, or an experiment on a data set that has one.
        num_classes: Number of classes, checked against the tensors. Default: as the tensors say.
        num_bodies: Bodies in a clip, checked against the tensors where their shapes determine it. Default: that of
            the tensors, or 2.
        experiment: The experiment that the weights were trained in, as a YAML file or the short name of one that comes
            with the package, such as "ntu60_xsub/msg3d". It gives model, skeleton, data set, protocol, recipe and class
            names.
        stream: The stream that the weights were trained on, such as "joint". Default: the checkpoint does not say.
        recipe: The recipe of the clips that they were trained on, such as "dualhead". Default: the experiment's;
            without one, that of the published ST-GCN weights, whose clips differ from those of all later models.
        classes: A text file with the name of a class on each line, in the order of the labels. Default: the names of
            the experiment's data set.

    Returns:
        What was mapped and left aside.

    Raises:
        CheckpointError: If the source cannot be read, or one of its keys is not understood or missing.
        ConfigError: If a name or a file cannot be used, or what a published source needs is not given.
        MismatchError: If two of the arguments, or one and the source, contradict each other.
    """
    console = Console()
    if experiment is None and recipe is None:
        recipe = _OWN_RECIPES.get((model, skeleton))
    used: RecipeSpec | None = recipe
    if experiment is not None:
        used = recipe or load_experiment(experiment).recipe
    chosen = None if used is None else get_recipe(used)

    def fits(config: ModelConfig) -> None:
        if chosen is None:
            return
        wanted = (chosen.channels(config.skeleton, stream or "joint"), chosen.num_bodies(config.skeleton))
        if wanted != (config.in_channels, config.num_bodies):
            raise MismatchError(
                f"recipe {chosen.name!r} makes clips of {wanted[0]} channels and {wanted[1]} bodies, the model takes "
                f"{config.in_channels} and {config.num_bodies}: pass the recipe that it was trained on"
            )

    try:
        done = convert(
            source,
            out,
            model=model,
            skeleton=skeleton,
            num_classes=num_classes,
            num_bodies=num_bodies,
            experiment=experiment,
            stream=stream,
            recipe=recipe,
            classes=None if classes is None else read_classes(classes),
            check=fits,
        )
    except PublishedKeysError as error:
        console.print(keys_table(error.report, str(source)))
        raise CheckpointError(str(error)) from error
    console.print(keys_table(done.keys, str(source), done.aside))
    print_line(console, f"{done.out}: {done.arguments}")
    if out.suffix == OUR_SUFFIX:
        for line in lacking(done.provenance):
            print_line(console, line)
    return done


def read_classes(path: Path) -> list[str]:
    """Read class names, one a line, in the order of the labels.

    Args:
        path: A text file in UTF-8; empty lines at its end do not count.

    Returns:
        The names.

    Raises:
        ConfigError: If it cannot be read, is empty, or has an empty line between names.
    """
    try:
        lines = path.read_text(encoding="utf-8").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise ConfigError(f"{path} cannot be read as a list of classes: {reason}") from error
    names = [line.strip() for line in lines]
    if not names or not all(names):
        where = f"line {names.index('') + 1} is empty" if names else "it is empty"
        raise ConfigError(f"{path} is not a list of classes: {where}; pass the name of a class on each line")
    return names


def lacking(provenance: Mapping[str, Any]) -> list[str]:
    """Describe the facts that a checkpoint lacks, what is then unavailable, and the option that adds each.

    Args:
        provenance: The checkpoint's.

    Returns:
        A sentence for each thing.
    """
    needed = (
        ("recipe", "`predict` cannot make its clips", "--recipe NAME or --experiment NAME"),
        ("stream", "`predict` cannot make its clips", "--stream NAME"),
        ("classes", "`predict` writes numbers instead of names", "--classes FILE or --experiment NAME"),
        ("experiment", "`evaluate` does not know its protocol", "--experiment NAME"),
    )
    return [
        f"the checkpoint does not record its {what}, so {therefore}: convert again with {option}"
        for what, therefore, option in needed
        if not provenance.get(what)
    ]


def keys_table(keys: KeyReport, title: str, aside: tuple[str, ...] = ()) -> Table:
    """Build the table of how the keys of a checkpoint were matched.

    Args:
        keys: The report.
        title: What the table is called.
        aside: What stood beside the weights.

    Returns:
        One row for each kind, with the count and, but for mapped keys, all of them.
    """
    table = Table(title=cell(title))
    table.add_column("keys")
    table.add_column("count", justify="right")
    table.add_column("which", overflow="fold")
    first = next(iter(keys.mapped.items()), None)
    table.add_row("mapped", str(len(keys.mapped)), "" if first is None else cell(f"{first[0]} -> {first[1]}, ..."))
    rows = {
        "missing": keys.missing,
        "unexpected": keys.unexpected,
        "of another shape": keys.shape_mismatches,
        "of another graph": keys.other_graph,
        "NaN or infinity": keys.not_finite,
        "constants of the graph, left aside": keys.constants,
        "beside the weights, left aside": aside,
    }
    for kind, names in rows.items():
        table.add_row(kind, str(len(names)), "\n".join(map(cell, names)))
    for sentence in keys.converted:
        count, _, rest = sentence.partition(" ")
        table.add_row("of another precision", count, cell(rest))
    return table
