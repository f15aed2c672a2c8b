"""The page on models says what the models are."""

from __future__ import annotations

from pathlib import Path

from dualhead import list_models
from dualhead.models.listing import describe_models, models_page


def test_page_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "models.md"
    assert page.read_text(encoding="utf-8") == models_page(), "run the command at the top of docs/models.md"


def test_cards() -> None:
    cards = {card.name: card for card in describe_models()}
    assert list(cards) == list_models()
    assert cards["dualhead"].heads == ("fine", "coarse")
    assert cards["dualhead"].parameters == 3_015_253
    assert cards["dualhead"].arguments["num_gcn_scales"] == 9
    assert cards["agcn"].published["NTU RGB+D 60 xview, 2 streams"] == 95.1
    assert cards["ctrgcn"].frames == 64
