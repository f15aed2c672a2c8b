from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dualhead.runtime.log_file import log_to_file


def test_reports_are_appended_while_the_block_runs(tmp_path: Path) -> None:
    logger = logging.getLogger("dualhead.test_log_file")
    logger.propagate = False
    for number in range(2):
        with log_to_file(tmp_path / "new" / "a.log", logger):
            logger.info("%d \ud800", number)
            logger.debug("not this")
    logger.info("nor this")
    lines = (tmp_path / "new" / "a.log").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["INFO 0 \\ud800", "INFO 1 \\ud800"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_does_not_end_the_work(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full.log").symlink_to("/dev/full")
    logger = logging.getLogger("dualhead.test_log_file")
    with log_to_file(tmp_path / "full.log", logger):
        logger.info("x")
    assert capfd.readouterr().err == ""
