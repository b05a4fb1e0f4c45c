"""The number of workers that is chosen where none is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcodec.batch import resources
from lcodec.batch.resources import available_bytes, cores, default_jobs, worker_bytes

MEGAPIXEL = 1 << 20


@pytest.fixture
def large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "cores", lambda: 16)
    monkeypatch.setattr(resources, "available_bytes", lambda: 64 << 30)


@pytest.mark.usefixtures("large_machine")
def test_cores_memory_and_work_limit_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_jobs([24 * MEGAPIXEL] * 100) == 16
    assert default_jobs([24 * MEGAPIXEL] * 3) == 3
    assert default_jobs([0] * 100) == 1
    assert default_jobs([]) == 1
    assert default_jobs([2 * MEGAPIXEL] * 6) == 3  # loading the networks has to pay
    monkeypatch.setattr(resources, "available_bytes", lambda: 8 << 30)
    # One large picture among many small ones decides.
    assert default_jobs([MEGAPIXEL] * 100) == 10
    assert default_jobs([MEGAPIXEL] * 100 + [100 * MEGAPIXEL]) == 2
    monkeypatch.setattr(resources, "available_bytes", lambda: 1 << 20)
    assert default_jobs([MEGAPIXEL] * 100) == 1
    monkeypatch.setattr(resources, "available_bytes", lambda: None)
    assert default_jobs([MEGAPIXEL] * 100) == 16


@pytest.mark.usefixtures("large_machine")
def test_effort_takes_memory_and_is_worth_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_jobs([MEGAPIXEL // 4] * 6, effort=1) == 6 > default_jobs([MEGAPIXEL // 4] * 6)
    monkeypatch.setattr(resources, "available_bytes", lambda: 16 << 30)
    assert default_jobs([MEGAPIXEL] * 100, effort=1) == 6
    assert default_jobs([MEGAPIXEL // 4] * 6, effort=-1) == default_jobs([MEGAPIXEL // 4] * 6)
    assert worker_bytes(MEGAPIXEL, effort=-1) == worker_bytes(MEGAPIXEL)
    # Areas are of one size, whatever the picture is.
    large, larger = (worker_bytes(n * MEGAPIXEL, effort=1) for n in (4, 40))
    assert larger - large < 36 * 30 * MEGAPIXEL


def test_memory_of_a_worker_is_about_what_was_measured() -> None:
    for pixels, measured in (
        (6000 * 4000, 1503),
        (4000 * 3000, 1399),
        (1536 * 1536, 838),
        (768 * 512, 470),
    ):
        assert worker_bytes(pixels) / 2**20 == pytest.approx(measured, rel=0.15)


def test_this_machine() -> None:
    assert cores() >= 1
    available = available_bytes()
    assert available is None or available > 1 << 20


def test_limit_of_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_CGROUP", tmp_path)
    monkeypatch.setattr(resources, "_from_meminfo", lambda: 5000)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert available_bytes() == 5000
    (tmp_path / "memory.max").write_text("3000\n")
    assert available_bytes() == 2000
    (tmp_path / "memory.max").unlink()
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("4000\n")
    (tmp_path / "memory" / "memory.usage_in_bytes").write_text("5000\n")
    assert available_bytes() == 0
