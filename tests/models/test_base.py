import torch

from dualhead.models.base import ModelOutput


def test_plain_logits_have_no_extras_and_an_output_stays_what_it_is() -> None:
    logits = torch.zeros(2, 1, 3)
    output = ModelOutput.of(logits)
    assert output.logits is logits
    assert dict(output.extras) == {}
    rich = ModelOutput(logits, {"graph": torch.ones(2, 4)})
    assert ModelOutput.of(rich) is rich
