"""Tasks on a Dask cluster: one of this machine, or any that a scheduler's address leads to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic

from flexloop.errors import EngineError
from flexloop.executors import ATTEMPTS, Result, Task, WorkerDiedError

CONNECT_TIMEOUT = "20s"
"""How long a scheduler may take to answer."""


class DaskCluster(Generic[Task, Result]):
    """Runs tasks on a Dask cluster.

    A scheduler started elsewhere has its own idea of how many deaths a task may cause (its setting
    ``distributed.scheduler.allowed-failures``); a cluster started here allows `ATTEMPTS` tries.

    Args:
        function: what is run on a task; picklable, importable on the workers. Every worker gets it once.
        address: ``tcp://host:port`` of a scheduler, ``local`` for a cluster of this machine, or the path of a
            scheduler file.
        processes: workers of a local cluster.

    Raises:
        EngineError: if Dask is not installed or the scheduler does not answer.
    """

    def __init__(self, function: Callable[[Task], Result], address: str, processes: int) -> None:
        try:
            import distributed
        except ImportError as error:
            raise EngineError("--dask needs the package distributed: pip install 'flexloop[dask]'") from error
        self._distributed: Any = distributed
        self._address = address
        self._client = _connect(distributed, address, processes)
        self._function = self._client.submit(_itself, function, pure=False)  # a task, so that Dask can make it anew
        self._completed = self._distributed.as_completed()
        self._tasks: dict[str, Task] = {}

    def submit(self, task: Task) -> None:
        """Hand in a task."""
        future = self._client.submit(_call, self._function, task, pure=False, retries=0)
        self._tasks[future.key] = task
        self._completed.add(future)

    def next(self) -> tuple[Task, Result | Exception]:
        """Wait for the next task to finish.

        Raises:
            EngineError: if the scheduler is gone.
        """
        future = next(self._completed)
        task = self._tasks.pop(future.key)
        if future.status == "finished":
            return task, future.result()
        error = future.exception() if future.status == "error" else None
        if isinstance(error, self._distributed.KilledWorker):
            return task, WorkerDiedError(getattr(error, "allowed_failures", ATTEMPTS - 1) + 1)
        if isinstance(error, Exception) and not isinstance(error, self._distributed.CancelledError):
            return task, error
        raise EngineError(
            f"--dask {self._address}: the scheduler is gone, or it cancelled the study; finished cells are kept, "
            "start the scheduler and run the same command again"
        )

    def close(self) -> None:
        """Leave the cluster; one that was started here is stopped."""
        cluster = self._client.cluster
        self._client.close()
        if cluster is not None:
            cluster.close()


def _itself(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return function


def _call(function: Callable[[Any], Any], task: Any) -> Any:
    return function(task)


def _connect(distributed: Any, address: str, processes: int) -> Any:
    import dask

    try:
        if address == "local":
            with dask.config.set({"distributed.scheduler.allowed-failures": ATTEMPTS - 1}):
                cluster = distributed.LocalCluster(n_workers=processes, threads_per_worker=1, dashboard_address=None)
            return distributed.Client(cluster)
        if "://" in address:
            return distributed.Client(address, timeout=CONNECT_TIMEOUT)
        return distributed.Client(scheduler_file=address, timeout=CONNECT_TIMEOUT)
    except (OSError, ValueError) as error:
        raise EngineError(
            f"--dask {address}: no scheduler answers there ({error}); start one with `dask scheduler`, or use "
            "--dask local"
        ) from error
