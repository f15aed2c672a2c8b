"""Plots as inline SVG that follows the page's colours, light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from dualhead.evaluation.calibration import Calibration
from dualhead.runtime.errors import ConfigError
from dualhead.visualize.colours import LIGHT, SERIES, rgb
from dualhead.visualize.svg import STAND_IN, blank, plain, shorten, to_svg

_STYLES = ("solid", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))

LABELLED = 60
"""Most classes whose names stand beside the confusion matrix."""


def curves(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]], *, x_label: str, y_label: str, percent: bool = False
) -> Markup:
    """Draw lines over a common axis, such as the loss of each stream over epochs.

    Args:
        series: Name to x and y values; points that are not a number are left out.
        x_label: The label of the x axis.
        y_label: What y is.
        percent: Show y, 0 to 1, as 0 to 100.

    Returns:
        An `<svg>`. Lines differ in colour and in dashes.

    Raises:
        ConfigError: If no series holds a finite point.
    """
    figure, axes = blank(5.2, 3.0)
    drawn = 0
    for number, (name, (x, y)) in enumerate(series.items()):
        across, up = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        known = np.isfinite(across) & np.isfinite(up)
        if not known.any():
            continue
        drawn += 1
        axes.plot(
            across[known],
            up[known] * (100 if percent else 1),
            color=SERIES[number % len(SERIES)],
            linestyle=_STYLES[number % len(_STYLES)],
            marker="o" if known.sum() == 1 else None,
            linewidth=1.7,
            label=plain(name),
        )
    if not drawn:
        raise ConfigError(f"{y_label}: no finite value to draw; pass at least one")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label + (" (%)" if percent else ""))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins="auto"))
    axes.grid(axis="y", color=STAND_IN["line"], linewidth=0.8)
    legend = axes.legend(frameon=False, fontsize=9, ncols=2 if drawn > 4 else 1, labelcolor=STAND_IN["ink"])
    legend.set_in_layout(True)
    return to_svg(figure, f"{y_label} over {x_label}")


def bars(names: Sequence[str], values: ArrayLike, *, label: str) -> Markup:
    """Draw one horizontal bar a class, such as its accuracy.

    Args:
        names: Class names, from the top down.
        values: 0 to 1; NaN leaves the bar out and says so.
        label: The label of the values.

    Returns:
        An `<svg>`, higher for more classes.

    Raises:
        ConfigError: If there are no classes, or not one value per class.
    """
    shares = np.asarray(values, dtype=np.float64)
    if not len(names) or shares.shape != (len(names),):
        raise ConfigError(f"{label}: {len(names)} names and values of shape {shares.shape}; pass one value per name")
    rows = np.arange(len(names))
    figure, axes = blank(5.6, 0.5 + 0.19 * len(names))
    known = np.isfinite(shares)
    axes.barh(rows, np.where(known, 100 * shares, 0), height=0.66, color=STAND_IN["accent"])
    for row, share in enumerate(shares.tolist()):
        text = f"{100 * share:.0f}" if known[row] else "no sample"
        place = 100 * share + 1 if known[row] else 1
        axes.text(place, row, text, va="center", fontsize=8, color=STAND_IN["soft"])
    axes.set_yticks(rows, [shorten(name) for name in names], fontsize=8)
    axes.set_xlim(0, 106)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(f"{label} (%)")
    axes.grid(axis="x", color=STAND_IN["line"], linewidth=0.8)
    axes.set_axisbelow(True)
    return to_svg(figure, f"{label} by class")


def counts(names: Sequence[str], values: ArrayLike, *, label: str) -> Markup:
    """Draw one horizontal bar a name, such as the clips of each class.

    Args:
        names: From the top down.
        values: Counts, one a name.
        label: The quantity that is counted.

    Returns:
        An `<svg>`, higher for more names.

    Raises:
        ConfigError: If there are no names, or not one value per name.
    """
    numbers = np.asarray(values, dtype=np.int64)
    if not len(names) or numbers.shape != (len(names),):
        raise ConfigError(f"{label}: {len(names)} names and counts of shape {numbers.shape}; pass one count per name")
    rows = np.arange(len(names))
    figure, axes = blank(5.6, 0.5 + 0.19 * len(names))
    axes.barh(rows, numbers, height=0.66, color=STAND_IN["accent"])
    most = max(int(numbers.max()), 1)
    for row, number in enumerate(numbers.tolist()):
        axes.text(number + most / 100, row, f"{number:,}", va="center", fontsize=8, color=STAND_IN["soft"])
    axes.set_yticks(rows, [shorten(name) for name in names], fontsize=8)
    axes.set_xlim(0, most * 1.12)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(label)
    axes.grid(axis="x", color=STAND_IN["line"], linewidth=0.8)
    axes.set_axisbelow(True)
    return to_svg(figure, label)


def histogram(values: ArrayLike, *, x_label: str, y_label: str, bins: int = 40) -> Markup:
    """Draw how often values of some size occur, on a logarithmic scale so that rare ones are seen.

    Args:
        values: The values, one or more; those that are not finite are left out.
        x_label: The label of the values.
        y_label: The quantity that is counted.
        bins: Number of bars at most; integers get no narrower ones than 1.

    Returns:
        An `<svg>`.

    Raises:
        ConfigError: If no value is finite.
    """
    numbers = np.asarray(values)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        raise ConfigError(f"{x_label}: no finite value to draw; pass at least one")
    low, high = float(numbers.min()), float(numbers.max())
    whole = np.issubdtype(numbers.dtype, np.integer)
    if whole:
        width = max(1, -(-(int(high) - int(low) + 1) // bins))
        edges = np.arange(int(low), int(high) + width + 1, width) - 0.5
    else:
        edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    figure, axes = blank(5.2, 2.6)
    axes.hist(numbers, bins=edges.tolist(), color=STAND_IN["accent"])
    if whole:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins="auto"))
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(axis="y", color=STAND_IN["line"], linewidth=0.8)
    axes.set_axisbelow(True)
    return to_svg(figure, f"{y_label} over {x_label}")


def reliability(calibration: Calibration) -> Markup:
    """Draw how often a model is right when it is so sure, beside how often it should be.

    Args:
        calibration: The result of `calibrate`; at least one bin holds a sample.

    Returns:
        An `<svg>`: a bar a bin for the accuracy, a dot for the mean confidence, the diagonal where both are equal; the
        wider a bar, the more samples.
    """
    figure, axes = blank(4.4, 3.6)
    filled = calibration.counts > 0
    edges = 100 * calibration.edges
    centres = (edges[:-1] + edges[1:]) / 2
    share = np.sqrt(calibration.counts / calibration.counts.max())
    widths = np.diff(edges) * (0.15 + 0.8 * share)
    axes.plot([0, 100], [0, 100], color=STAND_IN["soft"], linewidth=1, linestyle=(0, (4, 3)))
    accuracy, confidence = 100 * calibration.accuracy[filled], 100 * calibration.confidence[filled]
    axes.bar(centres[filled], accuracy, width=widths[filled], color=STAND_IN["accent"], label="accuracy")
    axes.plot(confidence, confidence, "o", markersize=4, color=STAND_IN["ink"], label="mean confidence")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 104)
    axes.set_xlabel("confidence (%)")
    axes.set_ylabel("share of right predictions (%)")
    axes.grid(axis="y", color=STAND_IN["line"], linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=9, labelcolor=STAND_IN["ink"], loc="upper left")
    return to_svg(figure, "Reliability diagram")


def confusion(matrix: ArrayLike, names: Sequence[str], *, numbers: bool | None = None) -> Markup:
    """Draw a confusion matrix; the darker a cell, the larger its share of the true class (its row).

    Args:
        matrix: Counts, `(K, K)`, rows true classes, columns predicted ones, in the order to be drawn.
        names: K class names; beside the matrix up to `LABELLED` classes.
        numbers: Write the counts into the cells; by default up to 24 classes.

    Returns:
        An `<svg>`; a class without a sample has an empty row.

    Raises:
        ConfigError: If the matrix is not square or does not match the names.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    classes = len(names)
    if counts.shape != (classes, classes) or not classes:
        raise ConfigError(f"confusion matrix of shape {counts.shape} and {classes} names: expected (K, K) and K names")
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)  # (K, K)
    labelled = classes <= LABELLED
    side = float(np.clip(0.3 * classes, 3.4, 9.5)) if labelled else 8.0
    figure, axes = blank(side + (1.6 if labelled else 0.6), side + (1.4 if labelled else 0.5))
    # Colour by opacity, so that an empty cell is whatever ground the page has.
    image = np.zeros((classes, classes, 4))
    image[..., :3] = np.array(rgb(LIGHT["accent"])) / 255
    off = ~np.eye(classes, dtype=bool)
    image[off, :3] = np.array(rgb(LIGHT["right"])) / 255
    # The square root lifts rare confusions, which are what one looks for, above the ground.
    image[..., 3] = np.where(counts > 0, 0.1 + 0.9 * np.sqrt(share), 0)
    axes.imshow(image, interpolation="nearest", aspect="equal")
    if labelled:
        size = float(np.clip(260 / classes, 5.5, 9))
        short = [shorten(name) for name in names]
        axes.set_yticks(range(classes), short, fontsize=size)
        axes.set_xticks(range(classes), short, fontsize=size, rotation=90)
        axes.tick_params(length=0)
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    if numbers if numbers is not None else classes <= 24:
        for row, column in zip(*np.nonzero(counts), strict=True):
            colour = "#ffffff" if share[row, column] > 0.4 else STAND_IN["ink"]
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=8, color=colour)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    for spine in axes.spines.values():
        spine.set_visible(True)
    return to_svg(figure, "Confusion matrix")


def confusion_order(matrix: ArrayLike) -> NDArray[np.int64]:
    """Order classes so that those confused with one another stand side by side.

    Convention: by the Fiedler vector, the second eigenvector of the Laplacian of the symmetric confusion (Atkins et
    al., A spectral algorithm for seriation, SIAM J. Comput. 1998), over shares of the true class; class 0 is in the
    first half.

    Args:
        matrix: Counts, `(K, K)`, rows true classes.

    Returns:
        Class numbers in drawing order, `(K,)`.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    weight = share + share.T
    np.fill_diagonal(weight, 0)
    # A trace of everything with everything joins the parts that are never confused, which one vector cannot order.
    weight += 1e-4
    laplacian = np.diag(weight.sum(axis=1)) - weight
    vector = np.linalg.eigh(laplacian)[1][:, min(1, len(counts) - 1)]
    order = np.argsort(np.round(vector, 9), kind="stable")
    if np.flatnonzero(order == 0)[0] > (len(order) - 1) / 2:
        order = order[::-1]
    return order.astype(np.int64)
