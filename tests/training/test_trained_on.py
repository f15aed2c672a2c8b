from __future__ import annotations

import pytest

from dualhead.training.trained_on import digest_names, find_trained_on


def test_the_names_that_were_trained_on_are_found_among_others() -> None:
    digest = digest_names(f"clip{number}" for number in range(1000))
    assert len(digest) < 8 * 1000
    assert find_trained_on(digest, ["clip0", "clip1000", "other", "clip999"]).tolist() == [True, False, False, True]
    assert digest == digest_names(f"clip{number}" for number in reversed(range(1000)))  # whatever the order


@pytest.mark.parametrize("digest", [None, "", "not base64!", 5, "ä"])
def test_nothing_is_found_where_a_checkpoint_does_not_say(digest: object) -> None:
    assert find_trained_on(digest, ["clip0"]).tolist() == [False]
