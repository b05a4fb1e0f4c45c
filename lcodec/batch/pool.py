"""Running workers: in this process, or in several others, any of which may die."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import secrets
import signal
import sys
import warnings
from collections.abc import Iterable, Iterator
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import FrameType, TracebackType
from typing import NoReturn, Protocol, Self

from lcodec.batch.location import tidy
from lcodec.batch.work import Bundle, Failed, Recipe, Result, Task, Worker, attempt
from lcodec.errors import Exit, LcodecError
from lcodec.process.atomic import delete_unfinished, use_token
from lcodec.process.startup import own_process

Results = Iterator[tuple[Task, Result]]

PATIENCE = 10.0
"""Seconds that a stopped worker has to delete its unfinished file."""
_OF_THE_TERMINAL = [
    getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
]
DEATHS_IN_A_ROW = 3
"""Deaths per worker, without any result between them, that end the batch."""


class Executor(Protocol):
    """Runs tasks; ``jobs`` is the number of bundles at a time."""

    @property
    def jobs(self) -> int: ...

    def run(self, bundles: Iterable[Bundle], *, alone: bool = False) -> Results:
        """Results as they arrive; ``alone`` means one bundle at a time.

        A bundle is drawn from ``bundles`` only when a worker is free.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class InProcess:
    """Runs all tasks in this process, one after another."""

    jobs = 1

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._worker: Worker | None = None

    def run(self, bundles: Iterable[Bundle], *, alone: bool = False) -> Results:
        """See `Executor`; here tasks always run alone."""
        for bundle in bundles:
            self._worker = self._worker or self._recipe.open()
            yield from zip(bundle, attempt(self._worker, bundle), strict=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker = None


class Processes:
    """Up to ``jobs`` processes, started when there is work for them, each with its own worker.

    A process gets one bundle at a time, so nothing queues up on either side. A process that dies is
    replaced, and its tasks fail. Leaving the block by an exception stops all processes at once and
    lets them delete their unfinished files.
    """

    def __init__(self, recipe: Recipe, jobs: int, threads: int) -> None:
        self._recipe = recipe
        self.jobs = jobs
        self._threads = threads
        self._idle: list[_Process] = []
        self._busy: dict[Connection, tuple[_Process, Bundle]] = {}
        self._deaths = 0

    def run(self, bundles: Iterable[Bundle], *, alone: bool = False) -> Results:
        """See `Executor`.

        Raises:
            LcodecError: the processes keep dying before they finish anything.
        """
        width = 1 if alone else self.jobs
        if alone:
            self._keep(1)
        waiting = iter(bundles)
        while True:
            while len(self._busy) < width and (bundle := next(waiting, None)) is not None:
                self._assign(bundle)
            if not self._busy:
                return
            ready = connection.wait(list(self._busy))
            # Looked up rather than cast: what a pipe's ends are differs between systems.
            for one in [one for one in self._busy if one in ready]:
                yield from self._collect(one)

    def _assign(self, bundle: Bundle) -> None:
        while self._idle:
            process = self._idle.pop()
            if process.send(bundle):
                break
            process.stop()
        else:
            process = _Process(self._recipe, self._threads)
            process.send(bundle)  # if it has died already, receiving will show it
        self._busy[process.connection] = process, bundle

    def _collect(self, ready: Connection) -> list[tuple[Task, Result]]:
        process, bundle = self._busy.pop(ready)
        results = process.receive()
        if results is not None:
            self._deaths = 0
            self._idle.append(process)
            return list(zip(bundle, results, strict=True))
        ending = process.stop()
        tidy((task.output for task in bundle), dead={process.token})
        self._deaths += 1
        if self._deaths >= DEATHS_IN_A_ROW * self.jobs:
            raise LcodecError(
                f"the worker processes keep dying before they finish anything: {ending}"
            )
        failed = Failed(f"its worker process ended: {ending}", LcodecError.exit_code, True)
        return [(task, failed) for task in bundle]

    def _keep(self, count: int) -> None:
        """Stop all idle processes but ``count``, to free their memory."""
        for process in self._idle[count:]:
            process.stop()
        del self._idle[count:]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        busy = [*self._busy.values()]
        processes = [*self._idle, *(process for process, _ in busy)]
        self._idle, self._busy = [], {}
        for process in processes:
            process.terminate()
        for process in processes:
            process.stop()
        if busy:  # the batch was interrupted
            tokens = {process.token for process, _ in busy}
            tidy((task.output for _, bundle in busy for task in bundle), dead=tokens)


class _Process:
    """A process and the connection to it."""

    def __init__(self, recipe: Recipe, threads: int) -> None:
        # "spawn": a fork of a process in which torch has threads is not safe to use.
        context = multiprocessing.get_context("spawn")
        self.token = secrets.token_hex(6)
        self.connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_serve, args=(theirs, recipe, threads, self.token), daemon=True
        )
        with _interrupts_blocked():
            self._process.start()
        # Now only the child holds the other end, so its death shows here as the end of the data.
        theirs.close()

    def send(self, bundle: Bundle) -> bool:
        """Hand over tasks; False if the process has gone."""
        try:
            self.connection.send(bundle)
        except OSError:
            return False
        return True

    def receive(self) -> list[Result] | None:
        """The results of the tasks, None if the process died."""
        try:
            results: list[Result] = self.connection.recv()
        except (EOFError, OSError):
            return None
        return results

    def terminate(self) -> None:
        """Tell it to stop at once."""
        with contextlib.suppress(OSError):
            self._process.terminate()

    def stop(self) -> str:
        """Close the connection, which ends the process, wait, and say how it ended."""
        self.connection.close()
        self._process.join(PATIENCE)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        code = self._process.exitcode or 0
        self._process.close()
        return _ending(code)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name} (out of memory?)" if name == "SIGKILL" else name


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Start processes with terminal signals blocked: only this process acts on them."""
    if sys.platform == "win32":
        yield
        return
    # The resource tracker starts with the first process, and would unblock the signal meanwhile.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_THE_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(tasks: Connection, recipe: Recipe, threads: int, token: str) -> None:
    """Main function of a process: returns results for tasks until the connection closes."""
    for number in _OF_THE_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    use_token(token)
    warnings.filterwarnings("ignore", module="PIL")  # as in the main process
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    own_process()
    if "torch" in sys.modules:  # imported by the user's main module, with another setting
        sys.modules["torch"].set_num_threads(threads)
    worker = recipe.open()
    while True:
        try:
            bundle = tasks.recv()
        except (EOFError, OSError):
            return
        results = attempt(worker, bundle)
        try:
            tasks.send(results)
        except OSError:
            return


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    # Not by an exception: if the signal arrives in a callback, Python prints it and goes on.
    delete_unfinished()
    os._exit(Exit.TERMINATED)
