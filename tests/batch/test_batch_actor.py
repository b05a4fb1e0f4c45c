"""What can be said of the Ray engine without Ray."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lcodec import __version__
from lcodec.batch import raypool
from lcodec.batch.actor import Claim, Serving
from lcodec.batch.work import Made, attempt
from lcodec.cli.main import run
from lcodec.errors import LcodecError

from .conftest import MakeBatch
from .test_batch_pool import Stub, tasks


def test_actors_on_a_node() -> None:
    node = {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 1.0, "memory": 1000.0}}
    assert Claim().fits(node) == 4
    assert Claim(cpus=0.1).fits(node) == 40
    assert Claim(cpus=3).fits(node) == 1
    assert Claim(gpus=0.25, memory=400).fits(node) == 2
    assert Claim(gpus=2).fits(node) == 0
    assert Claim().fits({**node, "Alive": False}) == 0
    assert Claim().fits({"Alive": True, "Resources": {}}) == 0
    assert str(Claim(2, 0.5, 3 * 10**9)) == "2 cores, 0.5 GPUs and 3.0 GB of memory"


def test_actor_makes_files_in_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "LCODEC_MODELS", "KMP_BLOCKTIME"):
        monkeypatch.setenv(name, "x")  # and are as before at the end
    monkeypatch.setenv("TORCH_DEVICE_BACKEND_AUTOLOAD", "0")
    monkeypatch.setenv("GOMP_SPINCOUNT", "x")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setattr("lcodec.process.startup._Process.own", False)
    actor = Serving(Stub("fine"), __version__, 3, {"LCODEC_MODELS": "/models"})
    assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "3"
    assert os.environ["LCODEC_MODELS"] == "/models"
    assert os.environ["GOMP_SPINCOUNT"]  # fair to other processes, as workers here are
    assert isinstance(actor.make(next(tasks(1)))[0], Made)
    with pytest.raises(LcodecError, match=f"a node of the cluster has lcodec {__version__}, not 0"):
        Serving(Stub("fine"), "0", 1, {})


class Lost(Exception):
    """As `ray.exceptions.RayActorError`."""


class Unreachable(Lost):
    """As `ray.exceptions.ActorUnavailableError`."""


class OneActor:
    """What `Actors` needs of Ray, with actors that are unreachable when they are first asked."""

    exceptions = SimpleNamespace(
        RayError=Exception, RayActorError=Lost, ActorUnavailableError=Unreachable
    )

    def __init__(self) -> None:
        self.worker = Stub("fine").open()
        self.started = self.asked = 0

    def remote(self, **_options: object) -> Any:
        options = SimpleNamespace(remote=self._start)
        return lambda _kind: SimpleNamespace(options=lambda **_options: options)

    def _start(self, *_arguments: object) -> Any:
        self.started += 1
        make = SimpleNamespace(remote=lambda bundle: partial(attempt, self.worker, bundle))
        return SimpleNamespace(
            hello=SimpleNamespace(remote=lambda: partial(self._hello)), make=make
        )

    def _hello(self) -> tuple[str, str]:
        self.asked += 1
        if self.asked == 1:
            raise Unreachable("the network is down")
        return "node", "token"

    def wait(self, refs: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        return refs[:num_returns], refs[num_returns:]

    def get(self, ref: Callable[[], Any]) -> Any:
        return ref()


def test_an_actor_that_cannot_be_reached_at_first_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(raypool, "_PAUSE", 0.0)
    ray, actors = OneActor(), raypool.Actors(Stub("fine"), Claim(), most=1)
    actors._ray = ray
    results = list(actors.run(tasks(3)))
    assert all(isinstance(result, Made) for _, result in results) and len(results) == 3
    assert (ray.started, ray.asked, actors._deaths) == (1, 2, 0)


@pytest.mark.usefixtures("tiny_model")
def test_ray_that_is_not_installed(
    make_batch: MakeBatch,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_batch("a.png")
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    assert run(["batch", str(tmp_path / "in"), str(tmp_path / "out"), "--engine", "ray"]) == 2
    line = "lcodec: `--engine ray` needs Ray: pip install 'lcodec[ray]'"
    assert capsys.readouterr().err.splitlines() == [line]
    assert not (tmp_path / "out").exists()
