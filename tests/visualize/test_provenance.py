from __future__ import annotations

from dualhead.visualize.provenance import provenance_table
from dualhead.visualize.result_table import build_result_tables

from .conftest import make_scores


def test_what_is_shared_and_what_differs() -> None:
    scores = [
        make_scores([0], [0], sure=seed, stream=stream, seed=seed, variant={}, extra=["<b>"], experiment={"epochs": 3})
        for stream, seed in (("joint", 1), ("bone", 2))
    ]
    table = provenance_table(build_result_tables([], scores, [])[0])
    assert table["names"] == ["joint", "bone"]
    rows = {row["field"]: (row["cells"], row["common"]) for row in table["rows"]}
    assert rows["dataset"] == (["ntu60", "ntu60"], True)
    assert rows["seed"] == (["1", "2"], False)
    assert rows["extra"] == (['["<b>"]', '["<b>"]'], True)
    assert not {"variant", "classes", "experiment", "epoch"} & set(rows)
    assert [row["field"] for row in table["rows"]] == ["dataset", "protocol", "split", "stream", "seed", "extra"]
