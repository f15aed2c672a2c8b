import io
import logging
import warnings
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from dualhead.runtime.progress import Bar
from dualhead.training.progress import EpochBar, quiet_lightning, shown


def test_messages_are_printed_but_errors_are_left_to_the_caller() -> None:
    console = Console(file=io.StringIO(), width=40)
    log = logging.getLogger("dualhead.training")
    with shown(console, visible=True):
        log.info("epoch 1/3 [bold] loss 0.5, and a line that is longer than the console is wide")
        log.error("stopped")
    log.warning("afterwards")
    assert console.file.getvalue() == (  # type: ignore[attr-defined]
        "epoch 1/3 [bold] loss 0.5, and a line that is longer than the console is wide\n"
    )


def test_nothing_is_printed_when_not_wanted() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    with shown(console, visible=False) as bars:
        bars("epoch", 1).advance()
        logging.getLogger("dualhead.training").info("epoch 1/3")
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]


def test_the_bar_follows_training_and_validation() -> None:
    made: list[dict[str, Any]] = []

    class Recorded(Bar):
        visible = True

        def update(self, done: int | None = None, **changes: Any) -> None:
            made[0].update({**changes, **({} if done is None else {"done": done})})

        def advance(self, count: int = 1) -> None:
            made[0]["done"] += count

    def new_bar(what: str, total: int | None) -> Bar:
        made.append({"what": what, "total": total, "done": 0})
        return Recorded()

    bar = EpochBar(new_bar, epochs=9)
    trainer: Any = SimpleNamespace(num_training_batches=5, num_val_batches=[2], current_epoch=3)
    module: Any = None
    bar.on_train_epoch_start(trainer, module)
    for batch in range(3):
        bar.on_train_batch_end(trainer, module, {"loss": 0.25}, None, batch)
    assert made == [{"what": "epoch 4/9", "total": 5, "done": 3, "note": "loss 0.250"}]
    bar.on_validation_start(trainer, module)
    bar.on_validation_batch_end(trainer, module, None, None, 0)
    assert (made[0]["what"], made[0]["done"], made[0]["total"]) == ("validation 4/9", 1, 2)


def test_lightning_is_quiet_inside_and_as_before_outside() -> None:
    log = logging.getLogger("lightning.pytorch")
    before = log.level
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with quiet_lightning():
            warnings.warn_explicit("use more workers", UserWarning, "x.py", 1, module="lightning.pytorch.trainer")
            warnings.warn_explicit("ours", UserWarning, "y.py", 1, module="dualhead.training")
            assert log.level == logging.ERROR
    assert [str(warning.message) for warning in caught] == ["ours"]
    assert log.level == before
