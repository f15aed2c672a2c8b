import io
import logging
import warnings
from types import SimpleNamespace
from typing import Any

from rich.console import Console

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
        bars.add_task("epoch", total=1, note="")
        logging.getLogger("dualhead.training").info("epoch 1/3")
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]


def test_the_bar_follows_training_and_validation() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    with shown(console, visible=True) as bars:
        bar = EpochBar(bars, epochs=9)
        trainer: Any = SimpleNamespace(num_training_batches=5, num_val_batches=[2], current_epoch=3)
        module: Any = None
        bar.on_train_epoch_start(trainer, module)
        for batch in range(3):
            bar.on_train_batch_end(trainer, module, {"loss": 0.25}, None, batch)
        (task,) = bars.tasks
        assert (task.description, task.completed, task.total) == ("epoch 4/9", 3, 5)
        assert task.fields["note"] == "loss 0.250"
        bar.on_validation_start(trainer, module)
        bar.on_validation_batch_end(trainer, module, None, None, 0)
        assert (task.description, task.completed, task.total) == ("validation 4/9", 1, 2)


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
