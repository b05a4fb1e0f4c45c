"""Running workers as actors on a Ray cluster, any process or node of which may be lost."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self, TextIO, cast

from lcodec import __version__
from lcodec.batch.actor import Claim, Serving
from lcodec.batch.location import tidy
from lcodec.batch.pool import DEATHS_IN_A_ROW, PATIENCE, Results
from lcodec.batch.resources import cores
from lcodec.batch.work import Bundle, Failed, Recipe, Result, Task, failed
from lcodec.errors import LcodecError, UsageError

LOSSES = 3
"""Nodes that may be lost while working on a bundle before it counts as failed."""
_INHERITED = ("LCODEC_MODELS", "XDG_DATA_HOME")
_OBJECT_STORE = 80 << 20
"""Bytes, about the least that Ray accepts: only names and figures are passed around."""
_PAUSE = 0.5


class Actors:
    """Up to ``jobs`` actors, each with its own worker and one bundle at a time.

    An actor whose process ends is replaced and its tasks fail, as with
    `lcodec.batch.pool.Processes`. If its whole node is lost, its tasks go to other actors; it does
    not matter how far they had got, because an output is replaced by the same bytes. Leaving the
    block stops all actors, lets them delete their unfinished files, and disconnects.
    """

    def __init__(
        self,
        recipe: Recipe,
        claim: Claim,
        *,
        most: int,
        jobs: int | None = None,
        address: str | None = None,
    ) -> None:
        """Prepare. ``most`` limits the actors to those with work; ``jobs`` None means as many as
        fit; ``address`` None means the cluster of RAY_ADDRESS, else one of this machine alone.
        """
        self._recipe = recipe
        self._claim = claim
        self._most = most
        self._wanted = jobs
        self._address = address or os.environ.get("RAY_ADDRESS") or "local"
        self._ray: Any = None
        self._connected = False
        self._stdout = sys.stdout
        self.jobs = 1
        self._idle: list[_Actor] = []
        self._starting: dict[Any, _Actor] = {}
        self._busy: dict[Any, tuple[_Actor, Bundle]] = {}
        self._asked: dict[Any, tuple[_Actor, Bundle]] = {}
        self._losses: dict[Task, int] = {}
        self._deaths = 0

    def run(self, bundles: Iterable[Bundle], *, alone: bool = False) -> Results:
        """See `lcodec.batch.pool.Executor`.

        Raises:
            LcodecError: the actors keep dying before they finish anything, or cannot start.
        """
        width = 1 if alone else self.jobs
        if alone:
            self._keep(1)
        feed = _Feed(bundles)
        while True:
            while self._idle and self._occupied < width and (bundle := feed.take()) is not None:
                self._assign(self._idle.pop(), bundle)
            free = width - self._occupied - len(self._starting)
            if free > 0 and not self._idle and feed.has_more():
                self._start(free)
            if not self._occupied and not feed.has_more():
                return
            refs = [*self._busy, *self._asked, *self._starting]
            for ready in self._ray.wait(refs, num_returns=1)[0]:
                yield from self._collect(ready, feed)

    @property
    def _occupied(self) -> int:
        return len(self._busy) + len(self._asked)

    def _start(self, count: int) -> None:
        claim, ray = self._claim, self._ray
        settings = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        threads = max(1, math.floor(claim.cpus))
        serving = ray.remote(concurrency_groups={"control": 1})(Serving).options(
            num_cpus=claim.cpus,
            num_gpus=claim.gpus,
            memory=claim.memory,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
        )
        for _ in range(count):
            handle = serving.remote(self._recipe, __version__, threads, settings)
            self._starting[handle.hello.remote()] = _Actor(handle)

    def _assign(self, actor: _Actor, bundle: Bundle) -> None:
        self._busy[actor.handle.make.remote(bundle)] = actor, bundle

    def _collect(self, ready: Any, feed: _Feed) -> list[tuple[Task, Result]]:
        if ready in self._starting:
            self._welcome(self._starting.pop(ready), ready)
            return []
        asked = ready in self._asked
        actor, bundle = (self._asked if asked else self._busy).pop(ready)
        errors = self._ray.exceptions
        try:
            results = self._ray.get(ready)
        except errors.ActorUnavailableError:
            # It may be dead, or briefly unreachable: the cluster will know.
            time.sleep(_PAUSE)
            self._asked[actor.handle.hello.remote()] = actor, bundle
            return []
        except errors.RayActorError:
            return self._bury(actor, bundle, feed)
        except errors.RayError as error:
            self._idle.append(actor)
            return [(task, failed(error)) for task in bundle]
        self._deaths = 0
        self._idle.append(actor)
        if asked:  # it is alive, but its answer was lost
            feed.put(_again(bundle))
            return []
        return list(zip(bundle, results, strict=True))

    def _welcome(self, actor: _Actor, ready: Any) -> None:
        try:
            actor.node, actor.token = self._ray.get(ready)
        except self._ray.exceptions.ActorUnavailableError:
            time.sleep(_PAUSE)
            self._starting[actor.handle.hello.remote()] = actor
            return
        except self._ray.exceptions.RayActorError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, LcodecError):
                raise cause from error
            self._count_death(_line(error))
            return
        self._idle.append(actor)

    def _bury(self, actor: _Actor, bundle: Bundle, feed: _Feed) -> list[tuple[Task, Result]]:
        tidy((task.output for task in bundle), dead={actor.token})
        if not self._is_alive(actor.node):
            losses = self._losses.get(bundle[0], 0) + 1
            if losses <= LOSSES:
                again = _again(bundle)
                self._losses[again[0]] = losses
                feed.put(again)
                return []
        ending = "its worker process ended (out of memory?)"
        self._count_death(ending)
        return [(task, Failed(ending, LcodecError.exit_code, True)) for task in bundle]

    def _count_death(self, ending: str) -> None:
        self._deaths += 1
        if self._deaths >= DEATHS_IN_A_ROW * self.jobs:
            raise LcodecError(f"the actors keep dying before they finish anything: {ending}")

    def _is_alive(self, node: str) -> bool:
        return any(one["NodeID"] == node and one["Alive"] for one in self._ray.nodes())

    def _keep(self, count: int) -> None:
        """Stop all idle actors but ``count``, to free their memory."""
        self._stop(self._idle[count:])
        del self._idle[count:]

    def _stop(self, actors: list[_Actor]) -> None:
        """Let actors delete their unfinished files, and end them."""
        ended = [
            actor.handle.stop.options(concurrency_group="control").remote()
            for actor in actors
            if actor.node
        ]
        if ended:
            self._ray.wait(ended, num_returns=len(ended), timeout=PATIENCE)
        for actor in actors:
            self._ray.kill(actor.handle)

    def __enter__(self) -> Self:
        self._connect()
        try:
            room = sum(map(self._claim.fits, self._ray.nodes()))
            if not room:
                raise UsageError(f"no node of the Ray cluster has {self._claim} for an actor")
            self.jobs = min(self._wanted or room, self._most)
        except BaseException:
            self._disconnect()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        occupied = [*self._busy.values(), *self._asked.values()]
        actors = [*self._idle, *self._starting.values(), *(actor for actor, _ in occupied)]
        self._idle, self._starting, self._busy, self._asked = [], {}, {}, {}
        try:
            self._stop(actors)
            if occupied:  # the batch was interrupted
                tokens = {actor.token for actor, _ in occupied}
                tidy((task.output for _, bundle in occupied for task in bundle), dead=tokens)
        finally:
            self._disconnect()

    def _connect(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # its default to be
        try:
            import ray
        except ImportError as error:
            raise UsageError("`--engine ray` needs Ray: pip install 'lcodec[ray]'") from error
        self._ray = ray
        if ray.is_initialized():
            return  # by the caller, from Python
        options: dict[str, Any] = {}
        if self._address == "local":
            options = {
                "num_cpus": cores(),
                "include_dashboard": False,
                "object_store_memory": _OBJECT_STORE,
            }
        _knock(self._address)
        with _own_signals():
            try:
                ray.init(
                    address=self._address,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    **options,
                )
            except Exception as error:  # of many kinds
                raise LcodecError(f"Ray cluster {self._address}: {_line(error)}") from error
        self._connected = True
        self._stdout = sys.stdout
        sys.stdout = cast(TextIO, _WithoutRay(sys.stdout))

    def _disconnect(self) -> None:
        if self._connected:
            self._connected = False
            try:
                # It prints the messages that Ray kept back because they were repeated in seconds.
                with contextlib.redirect_stdout(io.StringIO()):
                    self._ray.shutdown()
            finally:
                sys.stdout = self._stdout


@dataclass
class _Actor:
    """A handle of an actor, with the node and token of its process, "" until it has started."""

    handle: Any
    node: str = ""
    token: str = ""


class _WithoutRay:
    """Standard output without the messages that Ray's threads print there about every death."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if threading.current_thread().name.startswith("ray_"):
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Feed:
    """Returned bundles first, then new ones, drawn at most one ahead."""

    def __init__(self, bundles: Iterable[Bundle]) -> None:
        self._waiting = iter(bundles)
        self._first: deque[Bundle] = deque()

    def take(self) -> Bundle | None:
        return self._first.popleft() if self._first else next(self._waiting, None)

    def put(self, bundle: Bundle) -> None:
        self._first.append(bundle)

    def has_more(self) -> bool:
        if not self._first and (bundle := next(self._waiting, None)) is not None:
            self._first.append(bundle)
        return bool(self._first)


def _knock(address: str) -> None:
    """Make sure that HOST:PORT answers; Ray itself would wait a minute for it."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "/" in host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise LcodecError(f"Ray cluster {address}: cannot be reached: {_line(error)}") from error


def _again(bundle: Bundle) -> Bundle:
    """The same tasks, replacing: existing outputs can only be those of the lost actor."""
    return tuple(replace(task, replace=True) for task in bundle)


def _line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep our signal handlers, which Ray replaces by its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
