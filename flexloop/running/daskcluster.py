"""Tasks on a Dask cluster: one of this machine, or any that a scheduler's address leads to."""

from __future__ import annotations

import logging
import signal
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, Generic

from flexloop.errors import EngineError
from flexloop.interrupts import deferred
from flexloop.running.executors import ATTEMPTS, Result, Task, WorkerDiedError

CONNECT_TIMEOUT = "20s"
"""How long a scheduler may take to answer."""

FETCH_S = 5.0
"""Seconds that a result may take from the worker that has it; the worker may have died in the meantime."""

CHECK_WORKERS_S = 5.0
"""Seconds without a result after which is checked whether there are workers."""


@dataclass
class _Submitted(Generic[Task]):
    """A task that was submitted: the deaths it was blamed for, and how often its result could not be fetched."""

    task: Task
    deaths: int = 0
    fetches: int = 0


class DaskCluster(Generic[Task, Result]):
    """Runs tasks on a Dask cluster.

    Dask blames a worker's death on all tasks that it had been given. One that comes back blamed is therefore tried
    again, blamed ones one at a time, until it has been blamed `ATTEMPTS` times. (A scheduler started elsewhere reports
    a task only after ``distributed.scheduler.allowed-failures`` deaths.)

    Args:
        function: what is run on a task; picklable, importable on the workers. Every worker gets it once, and runs one
            task at a time.
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
        # What Dask's client logs of a lost scheduler, a traceback, is said by `_gone` in words.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        self._distributed: Any = distributed
        self._address = address
        self._processes = processes
        self._client = _connect(distributed, address, processes)
        self._sent = function
        self._function: Any = None
        self._functions: set[str] = set()
        self._failed_starts = 0
        self._done: SimpleQueue[Any] = SimpleQueue()
        self._tasks: dict[str, _Submitted[Task]] = {}
        self._blamed: deque[_Submitted[Task]] = deque()
        self._suspect: str | None = None
        self._said = False

    def submit(self, task: Task) -> None:
        """Submit a task."""
        self._submit(_Submitted(task))

    def _submit(self, submitted: _Submitted[Task]) -> str:
        if self._function is None:  # a task itself, so that Dask makes it anew where it was lost
            self._function = self._client.submit(_itself, self._sent, pure=False)
            self._functions.add(self._function.key)
        future = self._client.submit(_call, self._function, submitted.task, pure=False, retries=0)
        self._wait_for(future, submitted)
        return str(future.key)

    def _wait_for(self, future: Any, submitted: _Submitted[Task]) -> None:
        self._tasks[future.key] = submitted
        future.add_done_callback(self._done.put)

    def next(self) -> tuple[Task, Result | Exception]:
        """Wait for the next task to finish.

        Raises:
            EngineError: if the scheduler is gone, or workers die before they take a task.
        """
        while True:
            try:
                future = self._done.get(timeout=CHECK_WORKERS_S)
            except Empty:
                self._check_workers()
                continue
            submitted = self._tasks.pop(future.key)
            was_alone = future.key == self._suspect
            outcome: Result | Exception
            try:
                outcome = future.result(timeout=FETCH_S)
            except self._distributed.KilledWorker as error:
                self._blame(submitted, error)
                if not was_alone or submitted.deaths < ATTEMPTS:
                    self._blamed.append(submitted)
                    self._try_blamed(was_alone)
                    continue
                outcome = WorkerDiedError(submitted.deaths)
            except self._distributed.CancelledError as error:
                raise self._gone() from error
            except Exception as error:
                if isinstance(error, self._distributed.TimeoutError) and future.status != "error":
                    self._fetch_later(future, submitted, was_alone)
                    continue
                outcome = error
            self._failed_starts = 0
            self._try_blamed(was_alone)
            return submitted.task, outcome

    def _fetch_later(self, future: Any, submitted: _Submitted[Task], was_alone: bool) -> None:
        """Wait once more for a task whose result did not come; in the end, submit it again."""
        submitted.fetches += 1
        if submitted.fetches % ATTEMPTS:
            self._wait_for(future, submitted)
            return
        key = self._submit(submitted)
        if was_alone:
            self._suspect = key

    def _blame(self, submitted: _Submitted[Task], error: Any) -> None:
        """Count a worker's death against the task, unless it died on the function, which all tasks share."""
        dead, _, allowed_failures = error.args
        if dead not in self._functions:
            submitted.deaths += allowed_failures + 1
        elif self._function is not None and dead == self._function.key:  # the first task to say so
            self._function = None
            self._failed_starts += 1
            if self._failed_starts >= ATTEMPTS:
                raise EngineError(
                    f"--dask {self._address}: workers die before they take a cell, {self._failed_starts} times in a "
                    "row; see the workers' logs, and give them more memory"
                )

    def _try_blamed(self, was_alone: bool) -> None:
        """Submit one blamed task, if none is being tried."""
        if was_alone:
            self._suspect = None
        if self._blamed and self._suspect is None:
            self._suspect = self._submit(self._blamed.popleft())

    def _check_workers(self) -> None:
        """Replace workers of a local cluster that died while they started; say once where a scheduler has none."""
        if self._client.cluster is not None:
            self._client.cluster.scale(self._processes)
            return
        try:
            workers = self._client.scheduler_info()["workers"]
        except OSError as error:
            raise self._gone() from error
        if not workers and not self._said:
            self._said = True
            warnings.warn(f"--dask {self._address}: the scheduler has no workers; cells wait for some", stacklevel=2)

    def _gone(self) -> EngineError:
        return EngineError(
            f"--dask {self._address}: the scheduler is gone, or it cancelled the study; finished cells are kept, "
            "start the scheduler and run the same command again"
        )

    def close(self) -> None:
        """Leave the cluster; one that was started here is stopped."""
        cluster = self._client.cluster
        self._client.close()
        if cluster is not None:
            cluster.close()


_one_at_a_time = Lock()
"""Held by the task that a worker runs: engines are not made for threads, which a worker of Dask's may have several."""


def _itself(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return function


def _call(function: Callable[[Any], Any], task: Any) -> Any:
    with _one_at_a_time:
        return function(task)


@contextmanager
def _unheard() -> Iterator[None]:
    """Have threads and processes that are started meanwhile not hear Ctrl-C, which reaches the whole group."""
    resource_tracker.ensure_running()  # which starts with the first process, and would unblock what is blocked here
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _connect(distributed: Any, address: str, processes: int) -> Any:
    import dask

    try:
        if address == "local":
            # An interrupt comes when the cluster stands: one that is half made cannot be closed.
            with deferred(), _unheard(), dask.config.set({"distributed.scheduler.allowed-failures": 0}):
                cluster = distributed.LocalCluster(
                    n_workers=processes,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                )
            return distributed.Client(cluster)
        if "://" in address:
            client = distributed.Client(address, timeout=CONNECT_TIMEOUT)
        else:
            client = distributed.Client(scheduler_file=address, timeout=CONNECT_TIMEOUT)
        if any(worker["nthreads"] > 1 for worker in client.scheduler_info()["workers"].values()):
            warnings.warn(
                f"--dask {address}: workers have several threads and run one cell at a time; start more workers, each "
                "with --nthreads 1",
                stacklevel=2,
            )
        return client
    except (OSError, ValueError) as error:
        raise EngineError(
            f"--dask {address}: no scheduler answers there ({error}); start one with `dask scheduler`, or use "
            "--dask local"
        ) from error
