"""Training one stream: build, fit, evaluate, save; called again it goes on where it was stopped."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from rich.console import Console
from safetensors import SafetensorError

from dualhead.data.recipes.streams import check_stream
from dualhead.data.store.identity import describe_store
from dualhead.data.store.store import Store, open_store
from dualhead.evaluation.clip_average import one_clip_figures
from dualhead.evaluation.metrics import measure_heads
from dualhead.evaluation.scores import Scores
from dualhead.models.checkpoint import load_checkpoint, save_checkpoint
from dualhead.models.registry import check_variant
from dualhead.runtime.errors import ConfigError, DualheadError, MismatchError, TrainingError
from dualhead.runtime.interrupts import interruption
from dualhead.runtime.log_file import log_to_file
from dualhead.runtime.memory import keep_freed_memory
from dualhead.runtime.progress import NewBar
from dualhead.runtime.schema import list_of, mapping_of, nullable, number, record, whole
from dualhead.training.build import build_trainer
from dualhead.training.config import load_experiment
from dualhead.training.execution import Execution, matrix_precision
from dualhead.training.experiment import Experiment
from dualhead.training.fine_tuning import describe_start
from dualhead.training.finite import FiniteGuard
from dualhead.training.mixing import check_mixing
from dualhead.training.module import StreamModule
from dualhead.training.moving_average import MovingAverage
from dualhead.training.objectives import check_objective
from dualhead.training.overfit import STARTS_OVER, OverfitData, OverfitWatch
from dualhead.training.parts import RunParts, build_parts
from dualhead.training.processes import is_main, launch_settings, launched_rank
from dualhead.training.progress import EpochBar, quiet_lightning, shown
from dualhead.training.result import SelectionResult, TrainResult, load_result, save_result, summary
from dualhead.training.run_checkpointer import RunCheckpointer
from dualhead.training.run_folder import RunFolder
from dualhead.training.scoring import score_split
from dualhead.training.trained_on import FIELD

_RESUME = record(
    {
        "state_dict": mapping_of(lambda value, place: None),
        "callbacks": record(
            {
                "Keeper": record(
                    {
                        "history": list_of(record({"epoch": whole(1), "seconds": number})),
                        "best": nullable(record({"epoch": whole(1), "top1": number, "cross_entropy": number})),
                    }
                )
            }
        ),
    }
)
"""The form of the state to resume from, as far as this package reads it."""

_OTHER_FORM = (
    RuntimeError, UnpicklingError, LookupError, TypeError, ValueError, AttributeError, EOFError, OverflowError,
    AssertionError,
)  # fmt: skip
"""Exceptions of PyTorch and Lightning for a state that is damaged or not of this run."""

_AGAIN = "the same command goes on from the last whole epoch"

logger = logging.getLogger("dualhead.training")


def train(
    experiment: Experiment | str | Path,
    store: str | Path | Store,
    out: str | Path,
    *,
    stream: str = "joint",
    init: str | Path | None = None,
    freeze: Sequence[str] = (),
    overfit: int | None = None,
    device: str = "auto",
    processes: int = 1,
    stop_after: int | None = None,
    quiet: bool = False,
) -> TrainResult:
    """Train one stream, choose the best epoch on the validation split, score the test split once, and save everything.

    Stopped by Ctrl-C, a kill or a failing machine, the same call goes on from the last whole epoch; on the CPU the
    weights are then equal, bit for bit, to those of a run that was never stopped. Under `torchrun` or SLURM's `srun`
    several processes train together.

    Fine-tuning: `init` loads the weights of another run, except a classifier for another number of classes, which is
    initialised; the log lists what was loaded and what was replaced. `freeze` keeps parts of the model as they are:
    their weights get no gradient and their batch norms stay in evaluation mode, which keeps their statistics too.

    Checking a set-up: `overfit` trains on that many samples alone, without augmentation, until all of them are
    classified correctly; an error is raised if 200 steps do not suffice. No other sample is scored.

    Args:
        experiment: The experiment: an `Experiment`, a YAML file or a short name such as "ucla/dualhead".
        store: A prepared store, or its folder.
        out: The run's folder.
        stream: "joint", "bone", "joint_motion", "bone_motion" or another registered stream; several joined by "+", such
            as "joint+bone", become channels of one network.
        init: A `.safetensors` checkpoint of the same architecture and skeleton to start from.
        freeze: Names of parameters, or of modules with all that is in them, that are not trained; wildcards as in a
            shell, such as stem or "fine*".
        overfit: Overfit this many training samples and stop; such a run cannot be resumed and starts again.
        device: "cpu", "cuda", "mps", or "auto" for a GPU where CUDA has one.
        processes: Processes to train in together on this machine, on GPUs one each; a launcher such as torchrun decides
            this by itself.
        stop_after: Stop after this many epochs, for instance where computing time is short; the same call goes on.
        quiet: Show neither a bar nor messages; run.log has the messages in any case.

    Returns:
        The result; that of the earlier call if the run had finished already.

    Raises:
        ConfigError: If the experiment or an argument cannot be used.
        MismatchError: If the folder holds another run, or the store is of another data set; names the field.
        CheckpointError: If `init` cannot be read, or is of another architecture, skeleton or variant.
        StoreError: If the store cannot be read.
        TrainingError: If samples to overfit are not learned, a loss or gradient is not finite, the machine fails, or
            the folder is in use.
        KeyboardInterrupt: If it was stopped by Ctrl-C or SIGTERM.
    """
    if not isinstance(experiment, Experiment):
        experiment = load_experiment(experiment)
    if stop_after is not None and stop_after < 1:
        raise ConfigError(f"stop_after is {stop_after}: expected 1 or more epochs")
    check_stream(stream)
    check_variant(experiment.model.name, experiment.model.arguments)
    check_objective(experiment.objective.name, experiment.objective.arguments)
    check_mixing(experiment.mixing)
    folder = RunFolder(out)
    folder.check_place()
    store = open_store(store) if isinstance(store, str | Path) else store
    facts = describe_store(store, experiment.protocol)
    _check_data(experiment, store)
    said = describe_start(init, freeze) | ({} if overfit is None else {"overfit": overfit})
    identity = {"stream": stream, **facts, **said}
    folder.check(experiment, identity)
    main = launched_rank() == 0
    with ExitStack() as stack:
        stack.enter_context(quiet_lightning())
        bars = stack.enter_context(shown(Console(), main and not quiet))
        if not folder.result.is_file():
            launch = launch_settings(device, processes)
            if launch["accelerator"] == "cpu":
                keep_freed_memory()
            parts = build_parts(experiment, store, stream, launch, init=init, frozen=freeze, overfit=overfit, said=said)
            if main:
                stack.enter_context(folder.locked())
                folder.check(experiment, identity)  # again: it may have become another process's run meanwhile
        if folder.result.is_file():
            logger.info("%s has already finished", folder.path)
            result = load_result(folder)
        else:
            if main:
                folder.claim(experiment, identity)
                stack.enter_context(log_to_file(folder.log, logging.getLogger("dualhead")))
            stack.enter_context(_one_sentence(folder, _AGAIN if overfit is None else STARTS_OVER))
            stack.enter_context(matrix_precision(experiment.precision))
            result = _run(parts, folder, stop_after, bars) if overfit is None else _overfit(parts, folder, bars)
        for line in summary(result):
            logger.info(line)
    return result


def _check_data(experiment: Experiment, store: Store) -> None:
    """Check that a store holds the data set, and of its bodies those, that the experiment is meant for."""
    facts = describe_store(store)
    expectations = {"dataset": ("dataset", experiment.dataset), "bodies": ("body_selection", experiment.bodies)}
    for key, (field, expected) in expectations.items():
        if expected not in (None, facts[field]):
            raise MismatchError(
                f"{store.path} is not the data of this experiment: its {field} is {facts[field]!r}, the experiment's "
                f"is {expected!r}; pass another store, or {key} null in the experiment for any"
            )


def _run(parts: RunParts, folder: RunFolder, stop_after: int | None, bars: NewBar) -> TrainResult:
    """Fit up to the last epoch of this call; after the run's last epoch, score the test split and write the result."""
    experiment, store = parts.experiment, parts.store
    average = _average(experiment)
    checkpointer = RunCheckpointer(folder, store, parts.provenance, average)
    guard = FiniteGuard(store.names, gradients=experiment.precision != "fp16")
    bar = EpochBar(bars, experiment.epochs)
    callbacks: list[Callback] = [Execution(experiment.execution, parts.batch_shape), guard]
    callbacks += [checkpointer, bar] if average is None else [average, checkpointer, bar]
    first = epochs_done(folder)
    until = experiment.epochs if stop_after is None else min(experiment.epochs, first + stop_after)
    trainer = build_trainer(experiment, folder, parts.launch, callbacks, first=first, until=until, steps=parts.steps)
    for line in parts.story(first):
        logger.info(line)
    try:
        trainer.fit(
            StreamModule(parts.model, experiment, parts.steps, objective=parts.objective),
            datamodule=parts.data,
            ckpt_path=folder.resume if first else None,
            weights_only=True,
        )
    except _OTHER_FORM as error:
        if first and not checkpointer.resumed:
            raise _damaged_state(folder, error) from error
        raise
    epochs = len(checkpointer.history)
    finished = epochs >= experiment.epochs
    chosen = {"last": epochs} | ({} if checkpointer.best is None else {"best": checkpointer.best["epoch"]})
    tested = {}
    if finished and experiment.score_test and parts.samples["test"]:
        tested = _test(folder, store, experiment, trainer, bars, chosen)
    reached = {
        name: SelectionResult(
            epoch,
            folder.checkpoint(name),
            None if checkpointer.best is None else measure_heads(Scores.load(folder.scores("validation", name))),
            measure_heads(tested[name]) if name in tested else None,
            one_clip_figures(tested[name]) if name in tested else None,
        )
        for name, epoch in chosen.items()
    }
    details = _details(parts) | {
        "seconds": round(sum(row["seconds"] for row in checkpointer.history), 1),
        "best_chosen_by": None if checkpointer.best is None else "validation top-1",
    }
    result = TrainResult(folder.path, finished, epochs, reached["last"], reached.get("best"), details)
    if finished and is_main():
        save_result(folder, result)
    return result


def _average(experiment: Experiment) -> MovingAverage | None:
    """Build the average of the weights that the experiment asks for, if it does."""
    if experiment.swa_epochs is not None:
        return MovingAverage(None, first_epoch=experiment.epochs - experiment.swa_epochs)
    return None if experiment.ema_decay is None else MovingAverage(experiment.ema_decay)


def _overfit(parts: RunParts, folder: RunFolder, bars: NewBar) -> TrainResult:
    """Fit until every sample is right; nothing is scored, and there is nothing to go on from."""
    assert isinstance(parts.data, OverfitData)
    watch, started = OverfitWatch(parts.data), time.monotonic()
    guard = FiniteGuard(parts.store.names, gradients=parts.experiment.precision != "fp16")
    callbacks: list[Callback] = [guard, watch, EpochBar(bars, parts.experiment.epochs)]
    until = parts.experiment.epochs
    trainer = build_trainer(parts.experiment, folder, parts.launch, callbacks, first=0, until=until, steps=parts.steps)
    for line in parts.story(0):
        logger.info(line)
    trainer.fit(
        StreamModule(parts.model, parts.experiment, parts.steps, objective=parts.objective), datamodule=parts.data
    )
    if not watch.fitted:
        raise TrainingError(
            f"failed to overfit {parts.samples['training']} samples, {watch.line()}: check the data "
            "with `dualhead inspect`, try another optimizer.lr, no dropout, or a batch_size that holds all of them"
        )
    epochs = int(watch.figures["epochs"])
    path = folder.checkpoint("last")
    save_checkpoint(path, parts.model, {**parts.provenance, "epoch": epochs, "selection": "last"})
    details = _details(parts) | {"fitted": watch.figures, "seconds": round(time.monotonic() - started, 1)}
    result = TrainResult(folder.path, True, epochs, SelectionResult(epochs, path), None, details)
    save_result(folder, result)
    return result


def _details(parts: RunParts) -> dict[str, Any]:
    """Return what result.json holds beside the figures."""
    return {key: value for key, value in parts.provenance.items() if key not in ("classes", "experiment", FIELD)} | {
        "parameters": parts.parameters,
        "frozen_parameters": 0 if parts.frozen is None else parts.frozen.weights,
        "samples": parts.samples,
        "processes": parts.processes,
        "device": parts.launch["accelerator"],
    }


def _test(
    folder: RunFolder,
    store: Store,
    experiment: Experiment,
    trainer: Trainer,
    bars: NewBar,
    chosen: Mapping[str, int],
) -> dict[str, Scores]:
    """Score the test split with the saved weights of each selection, once where both are the same epoch."""
    by_epoch: dict[int, Scores] = {}
    tested = {}
    bar = bars("test", None)
    for name, epoch in chosen.items():
        model, provenance = load_checkpoint(folder.checkpoint(name))
        if epoch not in by_epoch:
            bar.update(0, what=f"test, {name} epoch")
            by_epoch[epoch] = score_split(
                model,
                store,
                experiment,
                provenance,
                split="test",
                workers=experiment.num_workers,
                device=trainer.strategy.root_device,
                on_start=lambda total: bar.update(total=total),
                on_batch=bar.advance,
            )
        scores = by_epoch[epoch]
        provenance = {**scores.provenance, **provenance}
        tested[name] = Scores(scores.names, scores.labels, scores.logits, scores.heads, provenance)
        if is_main():
            tested[name].save(folder.scores("test", name))
    return tested


def epochs_done(folder: RunFolder) -> int:
    """Return how many epochs the state to resume from has done.

    Args:
        folder: The run's folder.

    Raises:
        TrainingError: If the state is damaged.
    """
    if not folder.resume.is_file():
        return 0
    try:
        state = torch.load(folder.resume, map_location="cpu", weights_only=True, mmap=True)
        _RESUME(state, "")
        return len(state["callbacks"]["Keeper"]["history"])
    except _OTHER_FORM as error:
        raise _damaged_state(folder, error) from error


def _damaged_state(folder: RunFolder, error: Exception) -> TrainingError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return TrainingError(f"{folder.resume} is damaged ({reason}): remove it to start the run again, or restore it")


@contextmanager
def _one_sentence(folder: RunFolder, again: str) -> Iterator[None]:
    """Convert an exception that stops a run to an error that states what to do; saved files stay intact."""
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:  # how Lightning ends on Ctrl-C and SIGTERM, with Ctrl-C switched off
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, interrupt or signal.default_int_handler)
        logger.info("interrupted: %s", again)
        raise interruption() from error
    except (DualheadError, OSError, SafetensorError, RuntimeError) as error:
        sentence = _explain(error, folder, again)
        logger.error(sentence or f"{type(error).__name__}: {error}")
        if sentence is None or sentence == str(error):
            raise
        raise TrainingError(sentence) from error


def _explain(error: Exception, folder: RunFolder, again: str) -> str | None:
    """Explain in one sentence what happened; return None for what must be a defect of this package."""
    told = str(error)
    if isinstance(error, DualheadError):
        return told
    if isinstance(error, torch.OutOfMemoryError):
        return f"the GPU has too little memory ({told}): pass a larger accumulate_grad_batches or a smaller batch_size"
    if isinstance(error, OSError | SafetensorError):
        return f"the machine failed while {folder.path} was written or the data read ({told}): fix it, then {again}"
    return None
