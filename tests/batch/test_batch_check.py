"""What is recognised as finished, what is made anew, and what is left alone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lcodec.batch.check import Check, Decision
from lcodec.batch.directions import Action
from lcodec.batch.manifest import Manifest
from lcodec.batch.options import DecodeOptions, settings
from lcodec.batch.plan import Job
from lcodec.batch.report import Outcome, Stamp, Status
from lcodec.batch.work import Task
from lcodec.errors import InputError
from lcodec.picture import save
from lcodec.pipeline.targets import Target

from .conftest import MakeBatch, here
from .fakes import OPTIONS, FakeWorker


@pytest.fixture
def job(make_batch: MakeBatch) -> Job:
    """A picture that has been encoded, an hour old."""
    job = make_batch("a.png").jobs[0]
    age(here(job.source))
    FakeWorker(OPTIONS).make(Task(job.source, job.output))
    return job


def age(path: Path, hours: float = 1) -> None:
    then = path.stat().st_mtime - 3600 * hours
    os.utime(path, (then, then))


def short(decision: Decision) -> tuple[Action, bool, str]:
    return decision.action, decision.replace, decision.reason


def test_finished(job: Job) -> None:
    decision = Check(OPTIONS)(job)
    assert short(decision) == (Action.SKIP, False, "finished")
    assert (decision.width, decision.height) == (12, 8)
    assert decision.bytes == job.output.stat().st_size


def test_force(job: Job) -> None:
    assert short(Check(OPTIONS, force=True)(job)) == (Action.MAKE, True, "forced")


@pytest.mark.parametrize("size", [0, 5, 30, -1])
def test_cut_off_output_is_made_anew(size: int, job: Job) -> None:
    here(job.output).write_bytes(here(job.output).read_bytes()[:size])
    reason = "damaged" if size else "empty"
    assert short(Check(OPTIONS)(job)) == (Action.MAKE, True, reason)


def test_damaged_output_is_made_anew(job: Job) -> None:
    data = bytearray(here(job.output).read_bytes())
    data[-20] ^= 1
    here(job.output).write_bytes(data)
    assert short(Check(OPTIONS)(job)) == (Action.MAKE, True, "damaged")


def test_foreign_outputs_are_left_alone(job: Job) -> None:
    sound = here(job.output).read_bytes()
    here(job.output).write_bytes(b"letters to my aunt")
    decision = Check(OPTIONS)(job)
    assert decision.action is Action.REFUSE
    assert decision.reason == f"{job.output}: exists, not a .lic file; `-f` replaces it"
    here(job.output).write_bytes(sound[:8] + b"\x09" + sound[9:])  # a later version of the format
    assert Check(OPTIONS)(job).action is Action.REFUSE
    here(job.output).unlink()
    here(job.output).mkdir()
    assert Check(OPTIONS, force=True)(job).action is Action.REFUSE


def test_other_options_are_a_refusal(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    decision = Check(replace(OPTIONS, quality=41))(job)
    assert decision.action is Action.REFUSE
    assert "exists, made with quality 40, not 41; `-f` replaces it" in decision.reason
    monkeypatch.setattr("lcodec.batch.directions.stated_id", lambda model: "00000000")
    decision = Check(OPTIONS)(job)
    assert decision.action is Action.REFUSE
    assert "made with other weights" in decision.reason


def test_newer_source_is_made_anew_whatever_the_options(job: Job) -> None:
    age(here(job.source), -3)
    for options in (OPTIONS, replace(OPTIONS, quality=41)):
        expected = (Action.MAKE, True, "its source has changed")
        assert short(Check(options)(job)) == expected
    here(job.output).write_bytes(b"letters to my aunt")
    assert Check(OPTIONS)(job).action is Action.REFUSE


def test_file_systems_with_coarse_times(job: Job) -> None:
    """With ``--preserve``, an output there is a little older than its source, by less than 2 s."""
    changed = 1_500_000_001_987_654_321
    for unit in (100, 1_000, 1_000_000, 10_000_000, 10**9, 2 * 10**9):
        os.utime(here(job.source), ns=(changed, changed))
        os.utime(here(job.output), ns=(changed, changed - changed % unit))
        assert Check(OPTIONS)(job).action is Action.SKIP
    for made in (changed - 10**9, changed - changed % 10**9 - 3 * 10**9, changed - 1):
        os.utime(here(job.output), ns=(changed, made))
        assert Check(OPTIONS)(job).reason == "its source has changed"


def test_older_picture_of_another_size_is_a_refusal(job: Job) -> None:
    Image.new("L", (12, 9)).save(here(job.source))
    age(here(job.source))
    decision = Check(OPTIONS)(job)
    assert decision.action is Action.REFUSE
    assert "holds a picture of 12x8, not 12x9" in decision.reason
    Image.new("L", (8, 12)).save(here(job.source))  # as an EXIF orientation can turn it
    age(here(job.source))
    assert Check(OPTIONS)(job).action is Action.SKIP


def test_manifest_knows_a_source_that_was_replaced_by_an_older_one(
    job: Job, tmp_path: Path
) -> None:
    outcome = Outcome(
        job.source,
        job.output,
        Status.DONE,
        stamp=Stamp.of(job.source),
        settings=settings(OPTIONS),
    )
    with Manifest(tmp_path / "m") as manifest:
        manifest.write(outcome)
    known = Manifest(tmp_path / "m", read_only=True)
    assert Check(OPTIONS, manifest=known)(job).action is Action.SKIP
    age(here(job.source))
    assert Check(OPTIONS)(job).action is Action.SKIP
    assert short(Check(OPTIONS, manifest=known)(job))[2] == "its source has changed"


def test_manifest_knows_options_that_the_file_does_not_show(job: Job, tmp_path: Path) -> None:
    made = settings(OPTIONS) | {"model": "other"}
    with Manifest(tmp_path / "m") as manifest:
        manifest.write(Outcome(job.source, job.output, Status.DONE, settings=made))
    decision = Check(OPTIONS, manifest=Manifest(tmp_path / "m", read_only=True))(job)
    assert decision.action is Action.REFUSE
    assert "made with model other, not groupedmixer" in decision.reason


def test_effort_and_targets_are_known_from_the_manifest(job: Job, tmp_path: Path) -> None:
    wanted = replace(OPTIONS, quality=None, target=Target.size(10_000), effort=3)
    expected = {"model": "groupedmixer", "target": "10000 bytes", "effort": 3, "strip": False}
    assert settings(wanted) == expected
    with Manifest(tmp_path / "m") as manifest:
        manifest.write(Outcome(job.source, job.output, Status.DONE, settings=settings(wanted)))
    known = Manifest(tmp_path / "m", read_only=True)
    assert Check(wanted, manifest=known)(job).action is Action.SKIP
    for other, difference in (
        (replace(wanted, effort=0), "made with effort 3, not 0"),
        (replace(wanted, target=Target.bpp(20)), "made with target 10000 bytes, not 20 bpp"),
        (OPTIONS, "made with target 10000 bytes, not none"),
    ):
        decision = Check(other, manifest=known)(job)
        assert decision.action is Action.REFUSE
        assert difference in decision.reason


def test_a_file_above_the_target_size_is_not_the_one_asked_for(job: Job) -> None:
    size = here(job.output).stat().st_size
    options = replace(OPTIONS, quality=None, target=Target.size(size))
    assert Check(options)(job).action is Action.SKIP
    decision = Check(replace(options, target=Target.size(size - 1)))(job)
    assert decision.action is Action.REFUSE
    assert f"has {size} bytes, more than {size - 1} bytes" in decision.reason
    assert Check(replace(options, target=Target.psnr(1)))(job).action is Action.SKIP


def test_unreadable_source_is_left_to_the_worker(job: Job) -> None:
    here(job.source).write_bytes(b"nothing")
    assert short(Check(OPTIONS)(job)) == (Action.MAKE, False, "cannot be read")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_source_that_is_no_file(job: Job, tmp_path: Path) -> None:
    here(job.source).unlink()
    os.mkfifo(here(job.source))
    assert short(Check(OPTIONS)(job)) == (Action.MAKE, False, "cannot be read")
    with pytest.raises(InputError, match="neither file nor folder"):
        FakeWorker(OPTIONS).make(Task(job.source, job.output))
    with pytest.raises(InputError, match="is a folder"):
        FakeWorker(OPTIONS).make(Task(tmp_path, job.output))
    with pytest.raises(InputError, match="no such file"):
        FakeWorker(OPTIONS).make(Task(tmp_path / "none", job.output))


def test_decoded_pictures(job: Job, tmp_path: Path) -> None:
    back = Job(job.output, tmp_path / "a.png")
    check = Check(DecodeOptions(".png"))
    assert short(check(back)) == (Action.MAKE, False, "new")
    noise = np.random.default_rng(0).integers(0, 256, (8, 12), dtype=np.uint8)
    save(noise, here(back.output))
    decision = check(back)
    assert short(decision) == (Action.SKIP, False, "finished")
    assert decision.bytes == job.output.stat().st_size
    whole = here(back.output).read_bytes()
    here(back.output).write_bytes(whole[:80])
    assert short(check(back)) == (Action.MAKE, True, "damaged")
    here(back.output).write_bytes(b"")
    assert short(check(back)) == (Action.MAKE, True, "empty")
    here(back.output).write_bytes(b"letters")
    assert check(back).action is Action.REFUSE
    save(noise[:7], here(back.output), overwrite=True)
    assert "a picture of 12x7, not 12x8" in check(back).reason
    save(noise, here(back.output), overwrite=True, suffix=".bmp")
    assert "another format (BMP)" in check(back).reason
    age(here(back.source), -3)
    assert short(check(back)) == (Action.MAKE, True, "its source has changed")
