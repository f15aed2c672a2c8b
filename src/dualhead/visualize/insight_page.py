"""Predictions over time, as charts and strips under the player of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from dualhead.visualize.colours import SERIES

if TYPE_CHECKING:
    from dualhead.visualize.insight import Gate, Insight

_WIDE = 1000
_MOST_POINTS = 500
_DASHES = ("none", "7 4", "2 3", "9 3 2 3")


def insight_values(insight: Insight) -> dict[str, Any]:
    """Build the values of `assets/insight.html`.

    Args:
        insight: The insight of the frames that are played.

    Returns:
        `charts` (a head's name and its `<svg>`), `strips` (a gate's name, `<svg>` and range), `legend` (swatch and name
        of each class), `ramp` and `joints` (the colours of joints), and `notes`, sentences that explain the charts.
    """
    several = len(insight.heads) > 1
    charts = [
        {"head": f"{head} head" if several else "prediction", "svg": _chart(head, insight.classes, curves)}
        for head, curves in zip(insight.heads, insight.curves, strict=True)
    ]
    legend = [{"swatch": _swatch(number), "name": name} for number, name in enumerate(insight.classes)]
    return {
        "charts": charts,
        "strips": [{"name": gate.name, "svg": _strip(gate), "range": _range(gate.values)} for gate in insight.gates],
        "legend": legend,
        "ramp": Markup(
            '<svg viewBox="0 0 3 1" preserveAspectRatio="none" aria-hidden="true">'
            '<rect width="1" height="1" fill="var(--shut)"/><rect x="1" width="2" height="1" fill="var(--shut)"/>'
            '<rect x="1" width="1" height="1" fill="var(--open)" opacity=".5"/>'
            '<rect x="2" width="1" height="1" fill="var(--open)"/></svg>'
        ),
        "joints": "" if insight.joints is None else f"joints: {insight.joint_gate}, {_range(insight.joints)}",
        "notes": notes(insight),
    }


def notes(insight: Insight) -> list[str]:
    """Describe in sentences what is shown.

    Args:
        insight: The insight.

    Returns:
        The sentences.
    """
    step = "every frame" if insight.stride == 1 else f"every {insight.stride} frames"
    said = [
        f"Probability of {_count(len(insight.classes), 'class', 'classes')} over time: the checkpoint sees a window of "
        f"{_count(insight.window, 'frame', 'frames')} (a third of the recording), {step}; what it says stands at the "
        "middle of the window."
    ]
    if not insight.gates:
        return [*said, "This model has no gates between its heads, so there are predictions only."]
    return [
        *said,
        f"Strips ({insight.stream} stream): the temporal gates, by which the fine head weights for the coarse one "
        f"which "
        "frames matter, over the recording as a whole; averaged over the bodies that are there.",
        f"Colours and sizes of joints: the last spatial gate ({insight.joint_gate}), by which the coarse head "
        f"weights for "
        "the fine one which joints matter, in the window around the frame.",
        "Gates go from 0, shut, to 1, open; colours reach from the lowest to the highest value that occurs, as given "
        "beside them. A temporal gate that training has not moved is 0.50 everywhere.",
    ]


def stretched(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stretch values from their lowest and highest to 0 and 1; values that are all the same become 0.5.

    Args:
        values: Of any shape; NaN stays.

    Returns:
        The same shape.
    """
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
    if high - low < 1e-6:
        return np.where(np.isnan(values), np.nan, 0.5)
    return (values - low) / (high - low)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _range(values: NDArray[np.float64]) -> str:
    known = values[np.isfinite(values)]
    if not known.size:
        return "none"
    low, high = f"{known.min():.2f}", f"{known.max():.2f}"
    return low if low == high else f"{low} to {high}"


def _chart(head: str, names: tuple[str, ...], curves: NDArray[np.float64]) -> Markup:
    """Draw the probabilities of one head, `(k, T)`; frame t is the (t + 0.5)-th of T parts of the width."""
    frames = curves.shape[1]
    shown = np.unique(np.linspace(0, frames - 1, min(frames, _MOST_POINTS)).round().astype(int))
    lines = []
    for number, curve in enumerate(curves):
        x = (shown + 0.5) * _WIDE / frames
        y = 97 - 94 * curve[shown]
        # A line of one point has no length: it spans its frame.
        points = [f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True)]
        points = [f"0,{y[0]:.1f}", *points, f"{_WIDE},{y[-1]:.1f}"]
        lines.append(
            Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="2" stroke-dasharray="{}" {}/>').format(
                " ".join(points), SERIES[number], _DASHES[number], Markup('vector-effect="non-scaling-stroke"')
            )
        )
    middle = Markup(f'<path d="M0 50H{_WIDE}" stroke="var(--line)" vector-effect="non-scaling-stroke"/>')
    label = f"Probability over time, {head}: {', '.join(names)}"
    return Markup('<svg viewBox="0 0 {} 100" preserveAspectRatio="none" role="img" aria-label="{}">{}{}</svg>').format(
        _WIDE, label, middle, Markup("").join(reversed(lines))
    )


def _strip(gate: Gate) -> Markup:
    values = stretched(gate.values)
    parts = np.array_split(values, min(len(values), _MOST_POINTS))
    wide = _WIDE / len(parts)
    cells = []
    for number, part in enumerate(parts):
        known = part[np.isfinite(part)]
        if known.size:
            place = f'x="{number * wide:.2f}" width="{wide:.2f}" height="10"'
            cells.append(
                f'<rect {place} fill="var(--shut)"/><rect {place} fill="var(--open)" opacity="{known.mean():.2f}"/>'
            )
    return Markup('<svg viewBox="0 0 {} 10" preserveAspectRatio="none" {} role="img" aria-label="{}">{}</svg>').format(
        _WIDE, Markup('shape-rendering="crispEdges"'), f"Temporal gate over time, {gate.name}", Markup("".join(cells))
    )


def _swatch(number: int) -> Markup:
    return Markup(
        '<svg viewBox="0 0 30 10" aria-hidden="true"><path d="M0 5H30" stroke="{}" stroke-width="3" '
        'stroke-dasharray="{}"/></svg>'
    ).format(SERIES[number], _DASHES[number])
