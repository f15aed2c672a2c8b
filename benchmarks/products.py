"""How fast each product of the inference form runs: `python -m benchmarks.products [--dtype bfloat16]`.

One clip of two bodies, T = 300, on one thread, beside the rate of a 2048-cube product of the same type. Products of
equal shape are one row. Where a product is far below that rate and takes much of the time, there is something to gain
on this processor.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile

from benchmarks.commit import commit
from benchmarks.model_times import STGC, deploy_in, interleaved, make_clips, make_model
from dualhead.layers.threads import in_turn
from dualhead.runtime.files import write_text

LEFT = {"aten::mm": 0, "aten::bmm": 0, "aten::addmm": 1, "aten::addmm_": 1}
"""Which argument of a product is its left matrix; the right one is the next."""


@dataclass
class Product:
    """All products of one shape in a clip.

    Attributes:
        shape: Of each, as "batch x rows x inner x columns".
        calls: How many.
        seconds: What they take together.
        flop: Floating-point operations of all.
    """

    shape: str
    calls: int = 0
    seconds: float = 0.0
    flop: int = 0


def products(name: str, dtype: torch.dtype) -> tuple[list[Product], float]:
    """Measure the products of a clip.

    Args:
        name: A model of the registry.
        dtype: Of the deployed form.

    Returns:
        Products, those that take longest first; and the seconds of all operations together.
    """
    form, clips = deploy_in(make_model(name), dtype), make_clips(1, 300)
    form(clips)
    with in_turn(), profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler:
        form(clips)
    found: dict[str, Product] = {}
    total = 0.0
    for event in profiler.key_averages(group_by_input_shape=True):
        total += event.self_cpu_time_total / 1e6
        first = LEFT.get(event.key)
        if first is None:
            continue
        left, right = event.input_shapes[first : first + 2]
        batch, rows, inner, columns = (left[0] if len(left) == 3 else 1), left[-2], left[-1], right[-1]
        shape = f"{batch} x {rows} x {inner} x {columns}"
        product = found.setdefault(shape, Product(shape))
        product.calls += event.count
        product.seconds += event.self_cpu_time_total / 1e6
        product.flop += 2 * event.count * batch * rows * inner * columns
    return sorted(found.values(), key=lambda product: -product.seconds), total


def _square_rate(dtype: torch.dtype) -> float:
    square = torch.randn(2048, 2048).to(dtype)
    return 2 * 2048**3 / interleaved({"product": lambda: square @ square}, 3)["product"] / 1e9


def _rows(found: Sequence[Product], total: float, rate: float) -> list[dict[str, Any]]:
    return [
        {
            "batch x rows x inner x columns": product.shape,
            "calls": product.calls,
            "share of the time": product.seconds / total,
            "GFLOP/s": product.flop / product.seconds / 1e9,
            "share of the rate": product.flop / product.seconds / 1e9 / rate,
        }
        for product in found
    ]


def _print(title: str, rows: Sequence[dict[str, Any]]) -> None:
    table = Table(title=title)
    for heading in rows[0]:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console().print(table)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description="How fast each product of the inference form runs.")
    parser.add_argument("--top", type=int, default=12, help="how many products of each form")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the deployed form")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks.products", *sys.argv[1:]]),
        "commit": commit(),
        "machine": f"{platform.machine()}, 1 thread",
    }
    dtype = getattr(torch, options.dtype)
    rate = _square_rate(dtype)
    for name in STGC:
        found, total = products(name, dtype)
        rows = _rows(found[: options.top], total, rate)
        figures[name] = {"rate of the 2048-cube product, GFLOP/s": rate, "s a clip": total, "products": rows}
        _print(f"{name}, {options.dtype}: {total:.3g} s a clip, 2048-cube product {rate:.3g} GFLOP/s", rows)
    if options.out:
        write_text(options.out, json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
