"""Worker processes: replaced when they die, bounded, and gone at the end."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from lcodec.batch.check import Check
from lcodec.batch.engine import survey, work
from lcodec.batch.location import write
from lcodec.batch.plan import plan_tree
from lcodec.batch.pool import Processes
from lcodec.batch.report import Outcome, Stamp, Status
from lcodec.batch.url import Url
from lcodec.batch.work import Bundle, Failed, Made, Result, Task, Unusable, Worker, attempt
from lcodec.errors import LcodecError, WeightsError

from .conftest import MakeBatch
from .fakes import OPTIONS, FakeRecipe, holdings

if sys.platform != "linux":
    pytest.skip("looks into /proc", allow_module_level=True)


def children() -> set[int]:
    """Processes this one has started, but the helper of multiprocessing that stays."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(int(pid))
    return found


def test_a_worker_that_dies_is_replaced_and_its_picture_tried_alone(make_batch: MakeBatch) -> None:
    names = ["a.png", "b-dies-once.png", "c.png", "d-dies.png", "e.png", "f.png"]
    plan = make_batch(*names)
    outcomes: list[Outcome] = []
    check = Check(OPTIONS)
    todo = survey(plan.jobs, check, outcomes.append)
    before = children()
    with Processes(FakeRecipe(), 2, 1) as pool:
        work(todo, pool, check, outcomes.append, {}, together=1)
    assert children() == before
    shown = {o.source.name: (o.status, o.attempts) for o in outcomes}
    assert shown == {
        "a.png": (Status.DONE, 1),
        "b-dies-once.png": (Status.DONE, 2),
        "c.png": (Status.DONE, 1),
        "d-dies.png": (Status.FAILED, 2),
        "e.png": (Status.DONE, 1),
        "f.png": (Status.DONE, 1),
    }
    # What ended a process comes last, after all others.
    assert [o.source.name[0] for o in outcomes[-2:]] == ["b", "d"]
    error = next(o.error for o in outcomes if o.error)
    assert error == "its worker process ended: SIGKILL (out of memory?)"


@dataclass(frozen=True)
class Stub:
    """A recipe for workers that read no picture; ``kind`` says what they do."""

    kind: str

    def open(self) -> Worker:
        if self.kind == "broken":
            os._exit(3)
        return self

    def make(self, task: Task) -> Made:
        if self.kind == "unusable":
            raise Unusable from WeightsError("no weights")
        threads = os.environ["OMP_NUM_THREADS"]
        return Made(1, 1, 1, Stamp(0, 0), notes=(f"{os.getpid()} {threads}",))

    def make_many(self, tasks: Bundle) -> list[Result]:
        return [self.make(task) for task in tasks]


@dataclass(frozen=True)
class Uploading:
    """A recipe for workers that are killed, or wait, between uploading a file and renaming it."""

    def open(self) -> Worker:
        return self

    def make(self, task: Task) -> Made:
        def instead_of_renaming(_store: LocalFileSystem, uploaded: str, _: str) -> None:
            while "waits" in task.output.name or len(os.listdir(os.path.dirname(uploaded))) < 3:
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGKILL)

        LocalFileSystem.mv = instead_of_renaming  # in this process alone
        with write(task.output, overwrite=False) as stream:
            stream.write(b"half")
        raise AssertionError("it went on")

    def make_many(self, tasks: Bundle) -> list[Result]:
        return [self.make(task) for task in tasks]


def tasks(count: int) -> Iterator[Bundle]:
    return ((Task(Path(f"{number}"), Path(f"{number}.lic")),) for number in range(count))


def test_what_a_process_left_unfinished_is_deleted(make_batch: MakeBatch, tmp_path: Path) -> None:
    plan = make_batch("a.png", "b-falls.png")
    outcomes: list[Outcome] = []
    check = Check(OPTIONS)
    todo = survey(plan.jobs, check, outcomes.append)
    with Processes(FakeRecipe(), 1, 1) as pool:
        work(todo, pool, check, outcomes.append, {}, together=1)
    assert [o.status for o in outcomes] == [Status.DONE, Status.FAILED]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.lic"]


def test_what_a_process_left_in_a_store_that_renames_is_deleted(tmp_path: Path) -> None:
    stranger = tmp_path / ".lcodec-0123456789ab-0123.tmp"
    stranger.touch()
    os.utime(stranger, (1, 1))
    store = Url("file", str(tmp_path))  # with file:// this is one, but never in a batch
    bundles = [(Task(Path("a.png"), store / name),) for name in ("waits.lic", "dies.lic")]
    with Processes(Uploading(), 2, 1) as pool:
        results = pool.run(iter(bundles))
        task, result = next(results)
        assert (task.output.name, type(result)) == ("dies.lic", Failed)
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == [stranger]


def test_workers_that_cannot_start_end_the_batch() -> None:
    with (
        Processes(Stub("broken"), 1, 1) as pool,
        pytest.raises(LcodecError, match="keep dying before they finish anything: exit status 3"),
    ):
        list(pool.run(tasks(100)))


class InThisProcess:
    """In place of a process: one whose connection is a socket, as other systems have other pipes.

    A number sent through it says that results are there.
    """

    def __init__(self, recipe: Stub, _threads: int) -> None:
        self.connection, self.theirs = socket.socketpair()
        self.worker = recipe.open()
        self.results: list[Result] = []
        self.token = "0"

    def send(self, bundle: Bundle) -> bool:
        self.results = attempt(self.worker, bundle)
        self.theirs.send(b"1")
        return True

    def receive(self) -> list[Result]:
        assert self.connection.recv(1) == b"1"
        return self.results

    def terminate(self) -> None:
        """It has ended, as far as anybody can see."""

    def stop(self) -> str:
        self.connection.close()
        self.theirs.close()
        return ""


def test_connections_may_be_of_any_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lcodec.batch.pool._Process", InThisProcess)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with Processes(Stub("fine"), 3, 1) as pool:
        results = list(pool.run(tasks(7)))
    assert sorted(task.source.name for task, _ in results) == list("0123456")
    assert all(isinstance(result, Made) for _, result in results)


def test_worker_that_is_no_use_says_why() -> None:
    with Processes(Stub("unusable"), 1, 1) as pool:
        result = next(pool.run(tasks(1)))[1]
    assert isinstance(result, Failed)
    assert isinstance(result.fatal, WeightsError)
    assert result.error == "no weights"


def test_processes_start_with_their_work_and_keep_to_their_threads() -> None:
    before = children()
    with Processes(Stub("fine"), 3, 5) as pool:
        results = [result for _, result in pool.run(tasks(1))]
        assert len(children() - before) == 1
        results += [result for _, result in pool.run(tasks(5), alone=True)]
        assert len(children() - before) == 1
    notes = {result.notes for result in results if isinstance(result, Made)}
    assert len(results) == 6
    assert len(notes) == 1
    assert next(iter(notes))[0].endswith(" 5")


def test_thousands_of_pictures_leave_nothing_behind(make_batch: MakeBatch, tmp_path: Path) -> None:
    count, jobs = 2000, 2
    make_batch("0.png")
    source = tmp_path / "in" / "0.png"
    for number in range(1, count):
        os.link(source, tmp_path / "in" / f"{number}.png")
    plan = plan_tree(tmp_path / "in", tmp_path / "out", inputs={".png"})
    check = Check(OPTIONS)
    drawn, finished, waiting = 0, 0, 0
    here: list[tuple[int, ...]] = []
    there: dict[str, list[tuple[int, ...]]] = {}

    def on_outcome(outcome: Outcome) -> None:
        nonlocal finished, waiting
        assert outcome.status is Status.DONE, outcome.error
        finished += 1
        waiting = max(waiting, drawn - finished)
        _, pid, *held = outcome.notes[0].split()
        there.setdefault(pid, []).append(tuple(map(int, held)))
        here.append(tuple(map(int, holdings().split())))

    class Counting(Processes):
        def run(
            self, bundles: Iterable[Bundle], *, alone: bool = False
        ) -> Iterator[tuple[Task, Result]]:
            return super().run(counted(bundles), alone=alone)

    def counted(sources: Iterable[Bundle]) -> Iterator[Bundle]:
        nonlocal drawn
        for bundle in sources:
            drawn += len(bundle)
            yield bundle

    with Counting(FakeRecipe(), jobs, 1) as pool:
        todo = survey(plan.jobs, check, on_outcome)
        work(todo, pool, check, on_outcome, {}, together=4)
    assert finished == count
    assert waiting <= 4 * jobs
    assert len(there) == jobs
    for held in (here, *there.values()):
        warm = held[len(held) // 4]
        assert held[-1][0] <= warm[0], "open descriptors"
        assert held[-1][1] <= warm[1] + 6 * 1024, "resident memory, KiB"
    assert len(list((tmp_path / "out").iterdir())) == count
