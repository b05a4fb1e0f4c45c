"""Working through jobs: isolation, skipping, atomic outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lcodec import container
from lcodec.batch import Outcome, Status, plan, run
from lcodec.errors import LcodecError, WeightsError


class Recorder:
    """Encodes the mean of a picture as its latent stream, and keeps count; white ones fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls: list[tuple[tuple[int, ...], int]] = []

    def encode(self, image: NDArray[np.uint8], quality: int) -> bytes:
        self.calls.append((image.shape, quality))
        if self.error is not None and image.min() == 255:
            raise self.error
        header = container.Header(
            width=image.shape[1],
            height=image.shape[0],
            channels=3 if image.ndim == 3 else 1,
            bit_depth=8,
            quality=quality,
            tile_edge=1024,
            profile=1,
            entropy_model="gmix",
            model_id=bytes(4),
        )
        latent = int(image.mean()).to_bytes(4, "little")
        return container.write(header, [container.TilePayload(0, b"", latent)])


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three pictures, the second one white, and where they go."""
    source = tmp_path / "in"
    (source / "deep").mkdir(parents=True)
    for name, level in (("a.png", 10), ("b.png", 255), ("deep/c.png", 30)):
        Image.new("L", (12, 8), level).save(source / name)
    return source, tmp_path / "out"


def statuses(outcomes: tuple[Outcome, ...]) -> list[str]:
    return [outcome.status.value for outcome in outcomes]


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_all_done(folders: tuple[Path, Path]) -> None:
    encoder = Recorder()
    seen: list[Outcome] = []
    report = run(plan(*folders).jobs, lambda: encoder, quality=40, on_outcome=seen.append)
    assert files(folders[1]) == ["a.lic", "b.lic", "deep/c.lic"]
    assert encoder.calls == [((8, 12), 40)] * 3
    assert tuple(seen) == report.outcomes
    assert len(report.done) == 3
    first = report.outcomes[0]
    data = (folders[1] / "a.lic").read_bytes()
    assert container.read(data).tiles[0].latent == bytes([10, 0, 0, 0])
    assert (first.width, first.height, first.bytes) == (12, 8, len(data))
    assert first.bpp == 8 * len(data) / 96
    assert first.to_dict()["bpp"] == first.bpp


@pytest.mark.parametrize(
    ("error", "words", "code"),
    [
        (LcodecError("no luck"), "no luck", 1),
        (WeightsError("of another kind"), "of another kind", 6),
        (RuntimeError("out of\nmemory"), "unexpected RuntimeError: out of memory", 1),
    ],
)
def test_failure_of_one_leaves_the_others_and_no_file(
    error: Exception, words: str, code: int, folders: tuple[Path, Path]
) -> None:
    report = run(plan(*folders).jobs, lambda: Recorder(error), quality=40)
    assert statuses(report.outcomes) == ["done", "failed", "done"]
    assert (report.failed[0].error, report.failed[0].code) == (words, code)
    assert report.failed[0].source == folders[0] / "b.png"
    assert files(folders[1]) == ["a.lic", "deep/c.lic"]


def test_unreadable_picture(folders: tuple[Path, Path]) -> None:
    (folders[0] / "b.png").write_bytes(b"nothing")
    report = run(plan(*folders).jobs, Recorder, quality=40)
    assert statuses(report.outcomes) == ["done", "failed", "done"]
    assert report.failed[0].code == 3


def test_output_folder_that_cannot_be_made(folders: tuple[Path, Path]) -> None:
    folders[1].mkdir()
    (folders[1] / "deep").touch()
    report = run(plan(*folders).jobs, Recorder, quality=40)
    assert statuses(report.outcomes) == ["done", "done", "failed"]
    assert report.failed[0].code == 8


def test_sound_outputs_are_skipped_without_an_encoder(folders: tuple[Path, Path]) -> None:
    jobs = plan(*folders).jobs
    run(jobs, Recorder, quality=40)
    report = run(jobs, lambda: pytest.fail("not needed"), quality=90)
    assert [outcome.status for outcome in report.outcomes] == [Status.SKIPPED] * 3
    (folders[1] / "b.lic").unlink()
    encoder = Recorder()
    assert statuses(run(jobs, lambda: encoder, quality=40).outcomes) == [
        "skipped",
        "done",
        "skipped",
    ]
    assert len(encoder.calls) == 1


def test_other_outputs_are_failures_unless_overwritten(folders: tuple[Path, Path]) -> None:
    jobs = plan(*folders).jobs
    run(jobs, Recorder, quality=40)
    whole = (folders[1] / "a.lic").read_bytes()
    (folders[1] / "a.lic").write_bytes(whole[:-4])
    report = run(jobs, Recorder, quality=40)
    assert statuses(report.outcomes) == ["failed", "skipped", "skipped"]
    assert "is not a sound .lic file" in (report.failed[0].error or "")
    assert (folders[1] / "a.lic").read_bytes() == whole[:-4]
    report = run(jobs, Recorder, quality=40, overwrite=True)
    assert statuses(report.outcomes) == ["done"] * 3
    assert (folders[1] / "a.lic").read_bytes() == whole


def test_encoder_is_made_once_and_its_failure_ends_the_batch(folders: tuple[Path, Path]) -> None:
    made: list[Recorder] = []

    def make() -> Recorder:
        made.append(Recorder())
        return made[-1]

    run(plan(*folders).jobs, make, quality=40)
    assert len(made) == 1

    def refuse() -> Recorder:
        raise WeightsError("no weights")

    with pytest.raises(WeightsError):
        run(plan(*folders).jobs, refuse, quality=40, overwrite=True)


def test_notes_reach_the_outcome(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGBA", (4, 4), (1, 2, 3, 4)).save(tmp_path / "in" / "a.png")
    report = run(plan(tmp_path / "in", tmp_path / "out").jobs, Recorder, quality=40)
    assert report.outcomes[0].notes == ("alpha channel dropped",)
    assert report.outcomes[0].to_dict()["notes"] == ["alpha channel dropped"]
