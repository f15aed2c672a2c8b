"""Where the time of the inference form goes, beside the floors that arithmetic and memory set."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.model_times import STGC, interleaved, make_clips, make_model
from benchmarks.products import LEFT
from benchmarks.work import count_work
from dualhead.inference.deploy import deploy

PRODUCTS = (*LEFT, "aten::mkldnn_convolution", "mkldnn::_linear_pointwise")
VIEWS = ("view", "reshape", "select", "slice", "as_strided", "transpose", "permute", "expand", "flatten", "unfold", "t")


def roofline(rounds: int) -> dict[str, Any]:
    """One clip of two bodies, T = 300, on one thread: floors, and the shares of the time by kind of operation."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {name: _row(name, rounds) for name in STGC}
    finally:
        torch.set_num_threads(threads)


def _row(name: str, rounds: int) -> dict[str, float]:
    form, clips = deploy(make_model(name)), make_clips(1, 300)
    large = torch.randn(2**26)
    target = torch.empty_like(large)
    case = partial(form, clips)
    work = count_work(case)
    times = interleaved({"ours": case, "copy": partial(target.copy_, large)}, rounds)
    copied = 2 * large.nbytes / times["copy"] / 1e9
    least = sum(part.nbytes for part in form.state_dict().values()) + clips.nbytes
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        case()
    spent: Counter[str] = Counter()
    for event in profiler.key_averages():
        spent[_kind(event.key)] += event.self_cpu_time_total
    shares = {f"{kind}, share of the time": spent[kind] / spent.total() for kind in sorted(spent)}
    products = work.flop / (times["ours"] * spent["products"] / spent.total()) / 1e9
    return {
        "GFLOP a clip": work.flop / 1e9,
        "rate of the 2048-cube product, GFLOP/s": times["rate"],
        "rate of a copy of 256 MB, GB/s": copied,
        "floor of the arithmetic, s": work.flop / 1e9 / times["rate"],
        "weights and clip, MB": least / 1e6,
        "floor of the memory (weights and clip once), s": least / 1e9 / copied,
        "read and written by all operations, GB": work.traffic / 1e9,
        "its time at the rate of the copy, s": work.traffic / 1e9 / copied,
        "reached, s": times["ours"],
        "reached share of the floor": work.flop / 1e9 / times["rate"] / times["ours"],
        **shares,
        "rate inside the products over that of the 2048-cube": products / times["rate"],
    }


def _kind(key: str) -> str:
    if key in PRODUCTS:
        return "products"
    word = key.removeprefix("aten::")
    return "views" if word in VIEWS else "copies" if word in ("copy_", "clone", "cat") else "elementwise and the rest"
