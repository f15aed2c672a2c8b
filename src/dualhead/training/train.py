"""Training one stream: build, fit, evaluate, save; called again it goes on where it was stopped."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from rich.console import Console
from rich.progress import Progress
from safetensors import SafetensorError

from dualhead.data.datamodule import ClipDataModule
from dualhead.data.store import Store, open_store
from dualhead.data.streams import check_stream
from dualhead.errors import ConfigError, DualheadError, MismatchError, TrainingError
from dualhead.evaluation.metrics import measure_heads
from dualhead.evaluation.scores import Scores
from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import load_checkpoint
from dualhead.training.build import (
    build_model,
    build_provenance,
    build_trainer,
    check_precision,
    micro_batch_size,
    steps_per_epoch,
)
from dualhead.training.config import load_experiment
from dualhead.training.evaluate import data_module, describe_store, score_split
from dualhead.training.experiment import Experiment
from dualhead.training.finite import FiniteGuard
from dualhead.training.keeper import Keeper
from dualhead.training.module import StreamModule
from dualhead.training.moving_average import MovingAverage
from dualhead.training.processes import is_main, launch_settings, launched_rank
from dualhead.training.progress import EpochBar, quiet_lightning, shown
from dualhead.training.result import SelectionResult, TrainResult, load_result, save_result, summary
from dualhead.training.run_folder import RunFolder

_AGAIN = "the same command goes on from the last whole epoch"

logger = logging.getLogger("dualhead.training")


def train(
    experiment: Experiment | str | Path,
    data: str | Path | Store,
    out: str | Path,
    *,
    stream: str = "joint",
    device: str = "auto",
    processes: int = 1,
    stop_after: int | None = None,
    progress: bool = True,
) -> TrainResult:
    """Train one stream, choose the best epoch on the validation side, score the test side once, and save everything.

    Stopped by Ctrl-C, a kill or a failing machine, the same call goes on from the last whole epoch; on the CPU the
    weights are then equal, bit for bit, to those of a run that was never stopped. Under `torchrun` or SLURM's `srun`
    several processes train together.

    Args:
        experiment: What is trained and how: an `Experiment`, a YAML file or a short name such as "ucla_xview/dualhead".
        data: A prepared store, or its folder.
        out: The run's folder.
        stream: "joint", "bone", "joint_motion" or "bone_motion".
        device: "cpu", "cuda", "mps", or "auto" for a GPU where CUDA has one.
        processes: Processes to train in together on this machine, on GPUs one each; a launcher such as torchrun decides
            this by itself.
        stop_after: Stop after this many epochs, for instance where computing time is short; the same call goes on.
        progress: Whether a bar and messages are shown; run.log has the messages in any case.

    Returns:
        What was reached; a run that had already finished gives its result again.

    Raises:
        ConfigError: If the experiment or an argument cannot be used.
        MismatchError: If the folder holds another run, or the store is of another data set; names the field.
        StoreError: If the store cannot be read.
        TrainingError: If a loss or gradient is not finite, the machine fails, or the folder is in use.
        KeyboardInterrupt: If it was stopped by Ctrl-C or SIGTERM.
    """
    if not isinstance(experiment, Experiment):
        experiment = load_experiment(experiment)
    if stop_after is not None and stop_after < 1:
        raise ConfigError(f"stop_after is {stop_after}: give 1 or more epochs")
    check_stream(stream)
    store = open_store(data) if isinstance(data, str | Path) else data
    facts = describe_store(store)
    if experiment.dataset not in (None, facts["dataset"]):
        raise MismatchError(
            f"{store.path} is not the data of this experiment: its dataset is {facts['dataset']!r}, the experiment's "
            f"is {experiment.dataset!r}; give another store, or dataset null in the experiment for any"
        )
    folder = RunFolder(out)
    identity = {"stream": stream, "dataset": facts["dataset"], "data_fingerprint": facts["data_fingerprint"]}
    folder.check(experiment, identity)
    main = launched_rank() == 0
    with ExitStack() as stack:
        stack.enter_context(quiet_lightning())
        bars = stack.enter_context(shown(Console(), progress and main))
        if folder.result.is_file():
            logger.info("%s has already finished", folder.path)
            result = load_result(folder)
        else:
            parts = _build(experiment, store, stream, launch_settings(device, processes))
            if main:
                stack.enter_context(folder.locked())
                folder.claim(experiment, identity)
                stack.enter_context(folder.logged())
            stack.enter_context(_one_sentence(folder))
            result = _run(parts, folder, stop_after, bars)
        for line in summary(result):
            logger.info(line)
    return result


@dataclass(frozen=True)
class _Parts:
    """What a run is made of, built before anything is written: what cannot be built leaves no trace."""

    experiment: Experiment
    store: Store
    launch: dict[str, Any]
    data: ClipDataModule
    model: SkeletonModel
    steps: int
    provenance: dict[str, Any]

    @property
    def processes(self) -> int:
        return int(self.launch["devices"] * self.launch["num_nodes"])

    @property
    def parameters(self) -> int:
        return sum(weight.numel() for weight in self.model.parameters())

    @property
    def samples(self) -> dict[str, int]:
        sides = {
            "training": self.data.train_indices,
            "validation": self.data.validation_indices,
            "test": self.data.test_indices,
        }
        return {side: len(rows) for side, rows in sides.items()}


def _build(experiment: Experiment, store: Store, stream: str, launch: dict[str, Any]) -> _Parts:
    processes = launch["devices"] * launch["num_nodes"]
    check_precision(experiment, launch["accelerator"])
    micro = micro_batch_size(experiment, processes)
    data = data_module(store, experiment, stream, batch_size=micro, eval_batch_size=experiment.eval_batch_size or micro)
    steps = steps_per_epoch(experiment, len(data.train_indices), processes)
    model = build_model(experiment, store)
    return _Parts(experiment, store, launch, data, model, steps, build_provenance(experiment, store, stream))


def _run(parts: _Parts, folder: RunFolder, stop_after: int | None, bars: Progress) -> TrainResult:
    """Fit up to the last epoch of this call; after the run's last epoch, score the test side and write the result."""
    experiment, store = parts.experiment, parts.store
    average = None if experiment.ema_decay is None else MovingAverage(experiment.ema_decay)
    keeper = Keeper(folder, store, parts.provenance, average)
    guard = FiniteGuard(store.names, gradients=experiment.precision != "fp16")
    bar = EpochBar(bars, experiment.epochs)
    callbacks: list[Callback] = [guard, keeper, bar] if average is None else [guard, average, keeper, bar]
    first = _epochs_done(folder)
    until = experiment.epochs if stop_after is None else min(experiment.epochs, first + stop_after)
    trainer = build_trainer(experiment, folder, parts.launch, callbacks, first=first, until=until, steps=parts.steps)
    logger.info(
        f"{experiment.model.name} ({parts.parameters:,} parameters), {parts.provenance['stream']} stream of "
        f"{parts.provenance['dataset']} {experiment.protocol}: "
        f"{', '.join(f'{count:,} {side}' for side, count in parts.samples.items())} samples, {parts.steps} steps an "
        f"epoch, {parts.processes} process{'es' * (parts.processes > 1)} on {parts.launch['accelerator']}"
        + (f", going on after epoch {first}" if first else "")
    )
    trainer.fit(
        StreamModule(parts.model, experiment, parts.steps),
        datamodule=parts.data,
        ckpt_path=folder.resume if first else None,
        weights_only=True,
    )
    epochs = len(keeper.history)
    finished = epochs >= experiment.epochs
    chosen = {"last": epochs} | ({} if keeper.best is None else {"best": keeper.best["epoch"]})
    tested = {}
    if finished and parts.samples["test"]:
        tested = _test(folder, store, experiment, trainer, bars, chosen)
    reached = {
        name: SelectionResult(
            epoch,
            folder.checkpoint(name),
            None if keeper.best is None else measure_heads(Scores.load(folder.scores("validation", name))),
            measure_heads(tested[name]) if name in tested else None,
        )
        for name, epoch in chosen.items()
    }
    details = {key: value for key, value in parts.provenance.items() if key not in ("classes", "experiment")} | {
        "parameters": parts.parameters,
        "samples": parts.samples,
        "processes": parts.processes,
        "device": parts.launch["accelerator"],
        "seconds": round(sum(row["seconds"] for row in keeper.history), 1),
        "best_chosen_by": None if keeper.best is None else "validation top-1",
    }
    result = TrainResult(folder.path, finished, epochs, reached["last"], reached.get("best"), details)
    if finished and is_main():
        save_result(folder, result)
    return result


def _test(
    folder: RunFolder,
    store: Store,
    experiment: Experiment,
    trainer: Trainer,
    bars: Progress,
    chosen: Mapping[str, int],
) -> dict[str, Scores]:
    """Score the test side with the saved weights of each selection, once where both are the same epoch."""
    by_epoch: dict[int, Scores] = {}
    tested = {}
    task = bars.add_task("test", total=None, note="")
    for name, epoch in chosen.items():
        model, provenance = load_checkpoint(folder.checkpoint(name))
        if epoch not in by_epoch:
            bars.reset(task, description=f"test, {name} epoch")
            by_epoch[epoch] = score_split(
                model,
                store,
                experiment,
                provenance,
                split="test",
                workers=experiment.workers,
                device=trainer.strategy.root_device,
                on_start=lambda total: bars.update(task, total=total),
                on_batch=lambda count: bars.update(task, advance=count),
            )
        scores = by_epoch[epoch]
        provenance = {**provenance, "split": "test"}
        tested[name] = Scores(scores.names, scores.labels, scores.logits, scores.heads, provenance)
        if is_main():
            tested[name].save(folder.scores("test", name))
    return tested


def _epochs_done(folder: RunFolder) -> int:
    """Read from the state to resume from how many epochs are done."""
    if not folder.resume.is_file():
        return 0
    try:
        state = torch.load(folder.resume, map_location="cpu", weights_only=True, mmap=True)
        return len(state["callbacks"]["Keeper"]["history"])
    except (RuntimeError, UnpicklingError, KeyError, TypeError, EOFError) as error:
        raise TrainingError(f"{folder.resume} is damaged: remove it to start the run anew, or restore it") from error


@contextmanager
def _one_sentence(folder: RunFolder) -> Iterator[None]:
    """Turn what stops a run into an error that says what to do; what was saved stays whole."""
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:  # how Lightning ends on Ctrl-C and SIGTERM, with Ctrl-C switched off
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, interrupt or signal.default_int_handler)
        logger.info("interrupted: %s", _AGAIN)
        raise KeyboardInterrupt from error
    except (DualheadError, OSError, SafetensorError, RuntimeError) as error:
        sentence = _explain(error, folder)
        logger.error(sentence or f"{type(error).__name__}: {error}")
        if sentence is None or sentence == str(error):
            raise
        raise TrainingError(sentence) from error


def _explain(error: Exception, folder: RunFolder) -> str | None:
    """Say in one sentence what happened; None for what must be a defect of this package."""
    told = str(error)
    if isinstance(error, DualheadError):
        # From a loading process PyTorch hands over the traceback as the message.
        return told.strip().splitlines()[-1].partition(": ")[2] if "in DataLoader worker process" in told else told
    if isinstance(error, torch.OutOfMemoryError):
        return f"the GPU has too little memory ({told}): give a larger accumulate or a smaller batch_size"
    if isinstance(error, OSError | SafetensorError):
        return f"the machine failed while {folder.path} was written or the data read ({told}): mend it, then {_AGAIN}"
    if "DataLoader worker" in told:
        return f"a loading process died ({told.splitlines()[0]}): give fewer workers, or 0; {_AGAIN}"
    return None
