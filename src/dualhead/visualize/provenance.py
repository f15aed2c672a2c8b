"""The provenance of scores as a table: what all streams share once, what differs side by side."""

from __future__ import annotations

import json
from typing import Any

from dualhead.visualize.result_table import ResultTable

_FIRST = (
    "dataset", "protocol", "split", "model", "variant", "recipe", "stream", "skeleton", "num_bodies", "selection",
    "epoch", "seed", "version", "data_fingerprint",
)  # fmt: skip

# Told elsewhere on the page, in full.
_LEFT_OUT = ("classes", "experiment", "one_clip")


def provenance_table(table: ResultTable) -> dict[str, Any]:
    """Build the table of the provenance of every stream.

    Args:
        table: The scores that the page is about.

    Returns:
        `names` of the streams, and `rows`, each with `field`, `cells` (text, one a stream) and `common` (whether all
        are the same). Fields come in the order of the architecture page, unknown ones behind them.
    """
    records = [dict(item.provenance) for item in table.streams.values()]
    fields = [*_FIRST, *sorted({key for record in records for key in record} - {*_FIRST, *_LEFT_OUT})]
    rows = []
    for field in fields:
        values = [_text(record.get(field)) for record in records]
        if any(values):
            rows.append({"field": field.replace("_", " "), "cells": values, "common": len(set(values)) == 1})
    return {"names": list(table.streams), "rows": rows}


def _text(value: Any) -> str:
    if value is None or value == {}:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
