"""Ray: the same batch on actors, which are lost and replaced, and are gone at the end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lcodec import container
from lcodec.batch.actor import Claim
from lcodec.batch.check import Check
from lcodec.batch.engine import survey, work
from lcodec.batch.options import settings
from lcodec.batch.plan import plan_tree
from lcodec.batch.raypool import Actors
from lcodec.batch.report import Outcome, Status
from lcodec.batch.work import Failed, Made
from lcodec.errors import LcodecError, UsageError, WeightsError
from tests.cli.command import ROOT, TIMEOUT, environment

from .conftest import MakeBatch
from .fakes import OPTIONS, FakeRecipe
from .test_batch_pool import Stub, tasks

ray: Any = pytest.importorskip("ray", reason="`make slow` installs it")

pytestmark = pytest.mark.slow

if sys.platform != "linux":
    pytest.skip("clusters for tests are for Linux", allow_module_level=True)

SMALL = Claim(cpus=1, memory=200 << 20)
STORE = 80 << 20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of one node with two cores, to which nodes can be added."""
    made: Any = pytest.importorskip("ray.cluster_utils").Cluster
    head: dict[str, object] = {
        "num_cpus": 2,
        "object_store_memory": STORE,
        "include_dashboard": False,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("FAKE_WRITE_SECONDS", "0.2")
        patch.setenv("RAY_worker_niceness", "0")  # else they starve on a busy machine
        running = patiently(lambda: made(initialize_head=True, head_node_args=head))
        yield running
        running.shutdown()


def patiently(start: Callable[[], Any]) -> Any:
    """What is started; on a busy machine Ray gives up after half a minute, so more than once."""
    for _ in range(3):
        with contextlib.suppress(Exception):
            return start()
    return start()


def actors() -> list[str]:
    """Actors that have not ended, of the cluster this process is connected to."""
    from ray._private.state import actors as known

    return [key for key, one in known().items() if one["State"] not in ("DEAD",)]


def test_one_cluster_through_everything(
    cluster: Any, make_batch: MakeBatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One test, because starting actors takes long: results, deaths, what cannot work, the end."""
    names = ["a.png", "b-dies-once.png", "c.png", "d-fails.png", "e-falls.png", "f-lacks-once.png"]
    plan = make_batch(*names)
    outcomes: list[Outcome] = []
    check = Check(OPTIONS)
    todo = survey(plan.jobs, check, outcomes.append)
    with Actors(FakeRecipe(), SMALL, most=2, address=cluster.address) as pool:
        assert pool.jobs == 2
        work(todo, pool, check, outcomes.append, settings(OPTIONS), together=1)
    assert not ray.is_initialized()
    assert capsys.readouterr().out == ""
    shown = {o.source.name: (o.status.value, o.attempts) for o in outcomes}
    assert shown == {
        "a.png": ("done", 1),
        "b-dies-once.png": ("done", 2),
        "c.png": ("done", 1),
        "d-fails.png": ("failed", 2),
        "e-falls.png": ("failed", 2),
        "f-lacks-once.png": ("done", 2),
    }
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("a.lic", "b-dies-once.lic", "c.lic", "f-lacks-once.lic")
    ]
    # The same bytes as from this process.
    data = container.read((tmp_path / "out" / "a.lic").read_bytes())
    assert data.tiles[0].latent == bytes([10, 0, 0, 0])

    ray.init(cluster.address, log_to_driver=False)
    try:
        with Actors(Stub("unusable"), SMALL, most=1) as one:
            result = next(one.run(tasks(1)))[1]
        assert isinstance(result, Failed)
        assert isinstance(result.fatal, WeightsError)
        with pytest.raises(UsageError, match=r"no node of the Ray cluster has 1 cores, 1 GPUs"):
            Actors(Stub("fine"), Claim(gpus=1), most=1).__enter__()
        with (
            pytest.raises(LcodecError, match="the actors keep dying before they finish anything"),
            Actors(Stub("broken"), SMALL, most=1) as one,
        ):
            list(one.run(tasks(10)))
        deadline = time.monotonic() + TIMEOUT
        while actors() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert actors() == []
    finally:
        ray.shutdown()


def test_cluster_that_is_not_there() -> None:
    pool = Actors(Stub("fine"), SMALL, most=1, address="127.0.0.1:1")
    with pytest.raises(LcodecError, match=r"^Ray cluster 127\.0\.0\.1:1: cannot be reached: "):
        pool.__enter__()


def test_a_node_is_lost_half_way(cluster: Any, tmp_path: Path) -> None:
    count = 60
    (tmp_path / "in").mkdir()
    for number in range(count):
        Image.new("L", (8, 8), number).save(tmp_path / "in" / f"{number:02}.png")
    second = patiently(lambda: cluster.add_node(num_cpus=2, object_store_memory=STORE))
    cluster.wait_for_nodes()
    plan = plan_tree(tmp_path / "in", tmp_path / "out", inputs={".png"})
    check = Check(OPTIONS)
    outcomes: list[Outcome] = []
    killed = False

    def on_outcome(outcome: Outcome) -> None:
        nonlocal killed
        outcomes.append(outcome)
        if killed:
            return
        if len(processes()) < 3:
            time.sleep(2)  # until an actor of the second node has done something, too
        elif len(outcomes) >= count // 3:
            killed = True
            cluster.remove_node(second, allow_graceful=False)

    def processes() -> set[str]:
        return {note.split()[1] for outcome in outcomes for note in outcome.notes}

    todo = survey(plan.jobs, check, on_outcome)
    with Actors(FakeRecipe(), SMALL, most=4, address=cluster.address) as pool:
        assert pool.jobs == 4
        work(todo, pool, check, on_outcome, settings(OPTIONS), together=1)
    assert killed
    assert [o.status for o in outcomes] == [Status.DONE] * count
    assert len({o.source for o in outcomes}) == count
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        f"{number:02}.lic" for number in range(count)
    ]
    for number in range(count):
        file = container.read((tmp_path / "out" / f"{number:02}.lic").read_bytes())
        assert file.tiles[0].latent == bytes([number, 0, 0, 0])


def command(*arguments: str | Path) -> subprocess.Popen[str]:
    """The command with the fake codec, on a cluster of this machine alone."""
    words = [sys.executable, "-m", "tests.batch.fakes", "batch", *map(str, arguments)]
    return subprocess.Popen(
        [*words, "--engine", "ray", "--actor-cpus", "0.5"],
        cwd=ROOT,
        env=environment(FAKE_WRITE_SECONDS="0.3", RAY_worker_niceness="0"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_interrupt_leaves_nothing_and_a_second_run_finishes(tmp_path: Path) -> None:
    source, coded = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(30):
        Image.new("L", (8, 8), number).save(source / f"{number}.png")
    manifest = tmp_path / "log.ndjson"
    process = command(source, coded, "-j", "2", "--manifest", manifest)
    deadline = time.monotonic() + TIMEOUT
    while len(list(coded.rglob("*.lic"))) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert " stopped; " in err.splitlines()[-2]
    assert "Traceback" not in err
    assert serving() == []
    left = sorted(path.name for path in coded.rglob("*"))
    assert 3 <= len(left) < 30
    assert all(name.endswith(".lic") for name in left), "unfinished files"

    again = command(source, coded, "-j", "2", "--manifest", manifest)
    _, err = again.communicate(timeout=TIMEOUT)
    assert again.returncode == 0, err
    *notes, summary = err.splitlines()
    assert "skipped (finished before)" in summary
    # Ray itself has nothing to say, only the fake codec.
    assert all(line.startswith("lcodec: warning: ") for line in notes)
    records = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert {Path(record["output"]).name for record in records} == {f"{n}.lic" for n in range(30)}
    third = command(source, coded)
    third.communicate(timeout=TIMEOUT)
    assert third.returncode == 9


def serving() -> list[str]:
    """Processes of actors on this machine that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if line.startswith("ray::Serving"):
            found.append(line)
    return found


def test_actors_wait_for_their_work(cluster: Any) -> None:
    """Nothing piles up: bundles are drawn as actors are free."""
    drawn = finished = most = 0

    def counted() -> Iterator[tuple[object, ...]]:
        nonlocal drawn
        for bundle in tasks(200):
            drawn += 1
            yield bundle

    with Actors(Stub("fine"), SMALL, most=2, address=cluster.address) as pool:
        for _, result in pool.run(counted()):  # type: ignore[arg-type]
            assert isinstance(result, Made)
            finished += 1
            most = max(most, drawn - finished)
    assert finished == 200
    assert most <= 3
