"""Work on a Ray cluster: parts are computed anywhere and come back in order, each once, whatever dies on the way."""

from __future__ import annotations

import logging
import os
import pickle
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from dualhead.runtime.errors import ConfigError, DualheadError, printable_line
from dualhead.runtime.machine import count_cores
from dualhead.runtime.plugins import import_plugins, imported
from dualhead.version import __version__

Part = TypeVar("Part")
Result = TypeVar("Result")

LOCAL = "local"
"""The address of a cluster that is started on this machine for one call."""

_RETRIES = 4  # of a part whose worker was killed: one that kills each of its workers must not go round for ever


class ClusterError(DualheadError):
    """The cluster cannot be reached, or its workers die."""


@contextmanager
def on_cluster(
    address: str,
    start: Callable[[], Callable[[Part], Result]],
    parts: Sequence[Part],
    *,
    workers: int | None = None,
    gpus: bool = False,
    needs: Sequence[Path] = (),
) -> Iterator[Iterator[Result]]:
    """Compute parts on the workers of a cluster with Ray Data.

    A worker that is killed, with its machine or alone, is replaced, and what it was computing is computed again.

    Args:
        address: `LOCAL`, "auto" (that of the machine this runs on) or "HOST:PORT" of a cluster's head.
        start: Called once in each worker; returns what computes a part. Pickled, as parts and results are.
        parts: The parts to compute.
        workers: Most workers, of one core each; None: as many as the cluster has cores, or GPUs.
        gpus: Whether each worker gets a GPU where the cluster has any.
        needs: Files and folders that each worker must see.

    Yields:
        An iterator of the results in the order of `parts`, to be used inside the block.

    Raises:
        ClusterError: If the cluster cannot be reached, a worker has another version of this package or does not see
            a file, or a part ends its worker every time.
        ConfigError: If Ray is not installed.
        DualheadError: If a part raises one.
    """
    ray = _import_ray()
    if not parts:
        yield iter(())
        return
    ours = _connect(ray, address, workers)
    context = ray.data.DataContext.get_current()
    before = context.execution_options.preserve_order, context.enable_progress_bars
    context.execution_options.preserve_order, context.enable_progress_bars = True, False
    try:
        has = ray.cluster_resources()
        gpus = gpus and has.get("GPU", 0) >= 1
        most = int(has.get("GPU" if gpus else "CPU", 1))
        size = max(1, min(len(parts), most if workers is None else min(workers, most)))
        rows = [{"part": pickle.dumps(part)} for part in parts]
        settings = {
            "start": pickle.dumps(start),
            "folder": str(Path.cwd()),
            "paths": sys.path,
            "plugins": imported(),
            "needs": [*map(str, needs)],
            "version": __version__,
        }
        computed = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            _Worker,
            fn_constructor_kwargs=settings,
            compute=ray.data.ActorPoolStrategy(min_size=size, max_size=size),
            num_cpus=1,
            num_gpus=1 if gpus else 0,
            ray_remote_args_fn=_how_often,
        )
        yield _results(ray, computed)
    finally:
        context.execution_options.preserve_order, context.enable_progress_bars = before
        if ours:
            ray.shutdown()


def _how_often() -> dict[str, int]:
    return {"max_restarts": -1, "max_task_retries": _RETRIES}


class _Worker:
    """The actor that Ray runs in each worker process."""

    def __init__(
        self,
        start: bytes,
        folder: str,
        plugins: Sequence[str],
        paths: Sequence[str],
        needs: Sequence[str],
        version: str,
    ):
        self._error: Exception | None = None
        try:
            host = socket.gethostname()
            if version != __version__:
                raise ClusterError(f"{host} has dualhead {__version__}, and {version} is at work: install it there")
            with suppress(OSError):
                os.chdir(folder)  # relative paths are those of the caller
            missing = [path for path in needs if not Path(path).exists()]
            if missing:
                raise ClusterError(f"{host} does not see {missing[0]}: put it where all machines of the cluster do")
            sys.path += [path for path in paths if path not in sys.path]  # what the caller can import
            import_plugins(plugins)
            self._compute: Callable[[Any], Any] = pickle.loads(start)()  # noqa: S301  (from who started this)
        except (DualheadError, OSError) as error:  # Ray would start another worker, which would fail too
            self._error = error

    def __call__(self, row: Mapping[str, bytes]) -> dict[str, bytes]:
        """Compute one part; an error is a result too, so that Ray does not take it for a worker that failed."""
        found: tuple[Any, Exception | None]
        if self._error is not None:
            return {"result": pickle.dumps((None, self._error))}
        try:
            found = (self._compute(pickle.loads(row["part"])), None)  # noqa: S301
        except (DualheadError, OSError) as error:
            found = (None, error)
        return {"result": pickle.dumps(found)}


def _results(ray: Any, computed: Any) -> Iterator[Any]:
    try:
        for row in computed.iter_rows():
            result, error = pickle.loads(row["result"])  # noqa: S301
            if error is not None:
                raise error
            yield result
    except ray.exceptions.RayError as error:
        told = _root(error)
        if isinstance(told, DualheadError):
            raise told from None
        raise ClusterError(
            f"a worker of the cluster ended unexpectedly, {_RETRIES + 1} times in turn ({_first_line(told)}): run the "
            "same again to go on; if it is out of memory, with fewer workers"
        ) from None


def _root(error: BaseException) -> BaseException:
    """Return what a worker raised, out of what Ray wraps it in."""
    while True:
        inner = getattr(error, "cause", None) or error.__cause__
        if not isinstance(inner, BaseException):
            return error
        error = inner


def _first_line(error: BaseException) -> str:
    return printable_line(next(iter(str(error).splitlines()), type(error).__name__))[:200]


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ImportError as error:
        raise ConfigError(f"a cluster needs Ray ({error}): pip install 'dualhead[ray]'") from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _connect(ray: Any, address: str, workers: int | None) -> bool:
    """Join the cluster; returns whether it is this call's to leave."""
    if ray.is_initialized():
        return False
    options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        options |= {"num_cpus": workers or count_cores(), "include_dashboard": False}
    try:
        ray.init(**options)
    except Exception as error:  # noqa: BLE001  # Ray raises a bare Exception where a node does not start in time
        raise ClusterError(
            f"no Ray cluster can be reached at {address!r} ({_first_line(error)}): pass HOST:PORT of one that "
            f"`ray start --head` started, or {LOCAL!r}"
        ) from None
    return True
