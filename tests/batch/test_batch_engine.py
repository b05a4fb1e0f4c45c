"""Checking and making: isolation, second attempts, atomic outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lcodec import container
from lcodec.batch.check import Check, Decision
from lcodec.batch.directions import Action
from lcodec.batch.engine import bundles, survey, work
from lcodec.batch.options import DecodeOptions, settings
from lcodec.batch.plan import Job, Plan
from lcodec.batch.pool import InProcess
from lcodec.batch.report import Outcome, Stamp
from lcodec.batch.shardwork import Coded, ShardEncoder
from lcodec.batch.work import Made, Task, Worker, attempt, failed
from lcodec.batch.workers import CodecRecipe, DecodeWorker, EncodeWorker
from lcodec.errors import DiskFullError, FormatError, InputError, OutOfMemoryError, WeightsError
from lcodec.library.codec import Codec
from lcodec.picture import Picture
from lcodec.pipeline.targets import Target
from tests.tinymodel import picture

from .conftest import MakeBatch, here
from .fakes import OPTIONS, FakeCodec, FakeEncoded, FakeRecipe, FakeWorker


def go(plan: Plan, recipe: FakeRecipe | None = None, *, force: bool = False) -> list[Outcome]:
    """All outcomes of a batch in this process."""
    recipe = recipe or FakeRecipe()
    outcomes: list[Outcome] = []
    check = Check(recipe.options, force=force, jobs=plan.jobs)
    todo = survey(plan.jobs, check, outcomes.append)
    work(todo, InProcess(recipe), check, outcomes.append, settings(recipe.options))
    return outcomes


def shown(outcomes: list[Outcome]) -> list[tuple[str, str, int]]:
    return [(o.source.name, o.status.value, o.attempts) for o in outcomes]


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_all_done(make_batch: MakeBatch, tmp_path: Path) -> None:
    plan = make_batch("a.png", "b.png", "deep/c.png")
    outcomes = go(plan)
    assert files(tmp_path / "out") == ["a.lic", "b.lic", "deep/c.lic"]
    assert shown(outcomes) == [(n, "done", 1) for n in ("a.png", "b.png", "c.png")]
    first = outcomes[0]
    data = (tmp_path / "out" / "a.lic").read_bytes()
    assert container.read(data).tiles[0].latent == bytes([10, 0, 0, 0])
    assert (first.width, first.height, first.bytes) == (12, 8, len(data))
    assert first.bpp == 8 * len(data) / 96
    record = first.to_dict()
    assert record["bpp"] == first.bpp
    expected = {"model": "groupedmixer", "quality": 40, "effort": 0, "strip": False}
    assert record["settings"] == expected
    assert record["source_bytes"] == first.source.stat().st_size
    assert record["seconds"] > 0


def test_what_the_codec_notes_is_told(
    make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_batch("a.png", "b.png")
    Image.new("L", (12, 8), 255).save(here(plan.jobs[1].source))
    plain, white = go(make_batch())
    assert "so white" in white.notes and "so white" not in plain.notes
    # And in shards.
    monkeypatch.setattr(EncodeWorker, "_loaded", lambda self: Together(self.options.model))
    options = replace(OPTIONS, target=Target.size(1000))
    files = [(job.source.name, here(job.source).read_bytes()) for job in plan.jobs]
    dark, light = ShardEncoder(options).code(files)
    assert isinstance(dark, Coded) and isinstance(light, Coded)
    assert (dark.notes, light.notes) == ((), ("so white",))


def test_failures_are_tried_twice_and_leave_the_others_alone(
    make_batch: MakeBatch, tmp_path: Path
) -> None:
    plan = make_batch("a.png", "fails.png", "fails-once.png", "lacks-once.png", "z.png")
    (tmp_path / "in" / "bad.png").write_bytes(b"nothing")
    plan = make_batch()
    outcomes = go(plan)
    assert shown(outcomes) == [
        ("a.png", "done", 1),
        ("z.png", "done", 1),
        ("bad.png", "failed", 2),
        ("fails-once.png", "done", 2),
        ("fails.png", "failed", 2),
        ("lacks-once.png", "done", 2),
    ]
    failed = {o.source.name: (o.error, o.code) for o in outcomes if o.error}
    assert failed["fails.png"] == ("fails.png: no luck", 1)
    assert failed["bad.png"][1] == 3
    assert files(tmp_path / "out") == ["a.lic", "fails-once.lic", "lacks-once.lic", "z.lic"]


def test_a_full_disk_ends_the_batch(make_batch: MakeBatch, tmp_path: Path) -> None:
    plan = make_batch("a.png", "fills.png", "z.png")
    with pytest.raises(DiskFullError, match=r"fills\.lic: cannot be written: No space left"):
        go(plan)
    assert files(tmp_path / "out") == ["a.lic"]


def test_unexpected_errors_are_one_line() -> None:
    class Broken(FakeWorker):
        def make(self, task: Task) -> Made:
            raise RuntimeError("two\nlines")

    result = next(InProcess(_Fixed(Broken(OPTIONS))).run([(Task(Path("a"), Path("b")),)]))[1]
    assert getattr(result, "error", "") == "unexpected RuntimeError: two lines"


def test_only_want_of_memory_is_tried_alone() -> None:
    name = "memory card/photo.png"
    for error in (InputError(f"{name}: is no picture"), FormatError(f"{name}: truncated")):
        assert not failed(error).alone
    for lack in (OutOfMemoryError(f"{name}: decoding takes too much"), MemoryError()):
        assert failed(lack).alone


class _Fixed:
    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def open(self) -> Worker:
        return self._worker


def test_output_folder_that_cannot_be_made(make_batch: MakeBatch, tmp_path: Path) -> None:
    plan = make_batch("a.png", "deep/c.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").touch()
    outcomes = go(plan)
    assert [(o.status.value, o.code) for o in outcomes] == [("done", 0), ("failed", 8)]


def identity(path: Path) -> tuple[int, ...]:
    """What changes when a file is written; looking at it may change the time of the last access."""
    state = path.stat()
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def test_second_run_makes_only_what_is_missing(make_batch: MakeBatch, tmp_path: Path) -> None:
    plan = make_batch("a.png", "b.png")
    go(plan)
    kept = identity(tmp_path / "out" / "a.lic")
    (tmp_path / "out" / "b.lic").unlink()
    assert shown(go(plan)) == [("a.png", "skipped", 0), ("b.png", "done", 1)]
    assert identity(tmp_path / "out" / "a.lic") == kept
    skipped = go(plan)[0]
    assert (skipped.width, skipped.bytes) == (12, (tmp_path / "out" / "a.lic").stat().st_size)
    assert shown(go(plan, force=True)) == [("a.png", "done", 1), ("b.png", "done", 1)]


def test_what_another_process_has_finished_meanwhile_is_skipped(
    make_batch: MakeBatch, tmp_path: Path
) -> None:
    plan = make_batch("a.png")
    check = Check(OPTIONS)
    todo = survey(plan.jobs, check, lambda outcome: None)
    go(plan)
    outcomes: list[Outcome] = []
    work(todo, InProcess(FakeRecipe()), check, outcomes.append, {})
    assert shown(outcomes) == [("a.png", "skipped", 0)]


def test_names_that_a_file_system_does_not_tell_apart(
    make_batch: MakeBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where upper and lower case are the same: one of the outputs is the other, too."""
    plan, out = make_batch("A.png", "a.png", "b.png"), tmp_path / "out"
    if len(plan.jobs) < 3:
        pytest.skip("this file system is one of them")
    make = FakeWorker.make

    def linked(self: FakeWorker, task: Task) -> Made:
        made = make(self, task)
        for name in ("A.png.lic", "a.png.lic"):
            if here(task.output).name.lower() == "a.png.lic" and not (out / name).exists():
                (out / name).hardlink_to(here(task.output))
        return made

    monkeypatch.setattr(FakeWorker, "make", linked)
    reason = f"{out}/a.png.lic: is {out}/A.png.lic there, the output of {tmp_path}/in/A.png"
    for force, how in ((False, "done"), (False, "skipped"), (True, "done")):
        first, lost, other = sorted(go(plan, force=force), key=lambda o: str(o.source))
        assert (first.status.value, other.status.value) == (how, how)
        assert (lost.status.value, lost.code, lost.error) == ("failed", 8, reason)
        made = container.read((out / "A.png.lic").read_bytes()).tiles[0].latent
        assert made == (10).to_bytes(4, "little")


def test_dry_run_changes_nothing(make_batch: MakeBatch, tmp_path: Path) -> None:
    plan = make_batch("a.png", "b.png")
    go(plan)
    (tmp_path / "out" / "b.lic").unlink()
    outcomes: list[Outcome] = []
    survey(plan.jobs, Check(OPTIONS), outcomes.append, dry_run=True)
    assert shown(outcomes) == [("a.png", "skipped", 0), ("b.png", "planned", 0)]
    assert outcomes[1].to_dict()["reason"] == "new"
    assert files(tmp_path / "out") == ["a.lic"]


def test_model_that_cannot_be_loaded_ends_the_batch(
    make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise WeightsError("no weights")

    monkeypatch.setattr("lcodec.library.codec.load_model", refuse)
    plan = make_batch("a.png", "b.png")
    check = Check(OPTIONS)
    todo = survey(plan.jobs, check, lambda outcome: None)
    with pytest.raises(WeightsError, match="no weights"):
        work(todo, InProcess(CodecRecipe(OPTIONS)), check, lambda outcome: None, {})


def test_source_that_changes_while_it_is_read(
    make_batch: MakeBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_batch("a.png")
    stamps = iter([Stamp(1, 1), Stamp(1, 2)])
    monkeypatch.setattr(Stamp, "of", lambda path: next(stamps))
    with pytest.raises(InputError, match="changed while it was being read"):
        FakeWorker(OPTIONS).make(Task(plan.jobs[0].source, plan.jobs[0].output))
    assert not (tmp_path / "out").exists()


def test_small_pictures_of_equal_size_go_together() -> None:
    def decision(name: str, width: int, height: int) -> Decision:
        job = Job(Path(name), Path(name + ".lic"))
        return Decision(job, Action.MAKE, "new", width=width, height=height)

    decisions = [
        decision("a", 30, 40),
        decision("b", 257, 256),
        decision("c", 32, 33),
        decision("d", 33, 32),
        Decision(Job(Path("e"), Path("e.lic")), Action.MAKE, "cannot be read"),
        decision("f", 17, 48),
    ]
    names = [[task.source.name for task in bundle] for bundle in bundles(decisions, 2)]
    assert names == [["b"], ["a", "c"], ["e"], ["d"], ["f"]]
    names = [[task.source.name for task in bundle] for bundle in bundles(decisions, 9)]
    assert names == [["b"], ["e"], ["a", "c", "f"], ["d"]]
    assert all(len(bundle) == 1 for bundle in bundles(decisions, 1))


class Together(FakeCodec):
    """Encodes several pictures, unless one is white."""

    def encode_many(
        self, pictures: list[Picture], quality: int, *, effort: int
    ) -> list[FakeEncoded]:
        if any(one.pixels.min() == 255 for one in pictures):
            raise RuntimeError("white")
        return [self.encode_detailed(one, quality) for one in pictures]


def test_a_bundle_is_made_at_once_and_isolates_its_failures(
    make_batch: MakeBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EncodeWorker, "_loaded", lambda self: Together(self.options.model))
    plan = make_batch(*(f"{number}.png" for number in range(5)))
    here(plan.jobs[1].source).write_bytes(b"nothing")
    (tmp_path / "out").mkdir()
    here(plan.jobs[2].output).touch()
    worker = EncodeWorker(OPTIONS)
    one = InProcess(_Fixed(worker))
    tasks = tuple(Task(job.source, job.output) for job in plan.jobs)
    results = [result for _, result in one.run([tasks])]
    assert [getattr(result, "code", 0) for result in results] == [0, 3, 8, 0, 0]
    seconds = {result.seconds for result in results if isinstance(result, Made)}
    assert len(seconds) == 1
    # What befalls all of them is tried one by one.
    Image.new("L", (12, 8), 255).save(here(plan.jobs[4].source))
    tasks = tuple(replace(task, replace=True) for task in tasks)
    results = [result for _, result in one.run([tasks])]
    assert [getattr(result, "code", 0) for result in results] == [0, 3, 0, 0, 0]


def test_small_files_are_decoded_together_and_failures_isolated(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = Codec(device="cpu")
    files = {f"{n}.lic": codec.encode(picture(24, 40, n), 50) for n in range(4)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    calls = []
    together = Codec.decode_many

    def counted(self: Codec, files: Any, **options: Any) -> Any:
        calls.append(len(files))
        return together(self, files, **options)

    monkeypatch.setattr(Codec, "decode_many", counted)
    worker = DecodeWorker(DecodeOptions(suffix=".png"))
    tasks = tuple(Task(tmp_path / name, tmp_path / f"{name}.png") for name in files)
    results = attempt(worker, tasks)
    assert calls == [4] and all(isinstance(result, Made) for result in results)
    assert len({result.seconds for result in results if isinstance(result, Made)}) == 1
    for name, data in files.items():
        with Image.open(tmp_path / f"{name}.png") as image:
            assert np.array_equal(np.asarray(image), codec.decode(data).pixels)
    # One that exists already, one that is damaged.
    (tmp_path / "2.lic").write_bytes(files["2.lic"][:-9])
    for number in (0, 1, 2):
        (tmp_path / f"{number}.lic.png").unlink()
    results = attempt(worker, tasks)
    assert [getattr(result, "code", 0) for result in results] == [0, 0, 4, 8]
    assert not (tmp_path / "2.lic.png").exists()


def test_lic_file_is_not_encoded(make_batch: MakeBatch, tmp_path: Path) -> None:
    plan = make_batch("a.png")
    go(plan)
    task = Task(tmp_path / "out" / "a.lic", tmp_path / "b.lic")
    with pytest.raises(InputError, match=r"is a \.lic file already"):
        FakeWorker(replace(OPTIONS, quality=1)).make(task)
