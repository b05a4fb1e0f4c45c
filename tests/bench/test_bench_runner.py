"""Running a codec over pictures through real files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lcodec.bench import (
    BenchResult,
    find_pictures,
    load_result,
    psnr,
    result_to_json,
    run,
    summarize,
    timed_startup,
)
from lcodec.bench.results import PictureResult
from lcodec.errors import InputError, LcodecError, OutputError, UsageError
from lcodec.picture import load
from tests.bench.bench_fakes import FakeCodec, FakeDecoded, write_pictures

SIZES = {"a.png": (180, 200), "b.png": (40, 60)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    write_pictures(pictures, SIZES)
    (pictures / "notes.txt").write_text("not a picture")
    return pictures


def test_figures_are_those_of_the_files(folder: Path, tmp_path: Path) -> None:
    codec = FakeCodec()
    result = run(codec, folder, [85, 40], keep=tmp_path / "kept", name="fake")
    assert [(r.picture, r.quality) for r in result.results] == [
        ("a.png", 85),
        ("a.png", 40),
        ("b.png", 85),
        ("b.png", 40),
    ]
    for row in result.results:
        data = (tmp_path / "kept" / f"{row.picture}.q{row.quality:03d}.lic").read_bytes()
        original = load(folder / row.picture).pixels
        assert row.bytes == len(data)
        assert (row.height, row.width, row.channels) == original.shape
        assert row.bpp == 8 * len(data) / (original.shape[0] * original.shape[1])
        assert row.psnr == psnr(original, FakeCodec().decode(data).pixels)
        assert (row.ms_ssim is None) == (row.picture == "b.png")
        assert row.estimated_bits_y + row.estimated_bits_z == pytest.approx(8 * row.bytes / 1.005)
        assert row.encode_stages == {"analysis": 1e-9, "range coder": 2e-9}
        assert row.decode_stages == {"synthesis": 3e-9}
        assert row.encode_seconds > 0 and row.decode_seconds > 0


def test_warm_up_goes_first_and_every_file_is_decoded(folder: Path) -> None:
    codec = FakeCodec()
    seen: list[tuple[int, int, str]] = []

    def progress(done: int, total: int, row: PictureResult) -> None:
        seen.append((done, total, row.picture))

    run(codec, folder / "b.png", [0, 100], progress=progress)
    assert [kind for kind, _ in codec.calls] == ["encode", "decode"] * 3
    assert seen == [(1, 2, "b.png"), (2, 2, "b.png")]


def test_every_file_is_made_with_the_effort(folder: Path) -> None:
    codec = FakeCodec()
    run(codec, folder / "b.png", [0, 100])
    run(codec, folder / "b.png", [0, 100], effort=3)
    assert codec.efforts == [0, 0, 0, 3, 3, 3]


def test_what_was_written_is_what_is_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A file damaged on its way to the disk must show, so the bytes in memory cannot be in use.
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: real(self)[:-9])
    with pytest.raises(Exception, match="incomplete or truncated"):
        run(FakeCodec(), folder / "b.png", [50])


def test_means_and_curve(folder: Path) -> None:
    result = run(FakeCodec(), folder, [100, 10, 55])
    means = result.means()
    assert [mean.quality for mean in means] == [10, 55, 100]
    rows = [r for r in result.results if r.quality == 10]
    assert means[0].bpp == pytest.approx((rows[0].bpp + rows[1].bpp) / 2)
    assert means[0].psnr == pytest.approx((rows[0].psnr + rows[1].psnr) / 2)
    assert means[0].ms_ssim is None
    assert means[0].rate_difference == pytest.approx(0.5)
    # At quality 100 the fake codec drops nothing: no place on the curve.
    assert np.isinf(means[2].psnr)
    assert result.curve().points("psnr") == [(m.bpp, m.psnr) for m in means[:2]]
    assert len(result.curve().bpp) == 3


def test_json_round_trip(folder: Path, tmp_path: Path) -> None:
    result = run(FakeCodec(), folder, [100, 30], startup_seconds=1.5, tune="visual")
    text = result_to_json(result)
    (tmp_path / "r.json").write_text(text)
    assert load_result(tmp_path / "r.json") == result
    row = json.loads(text)["results"][0]
    assert row["psnr"] is None
    assert row["bpp"] == result.results[0].bpp
    for bad in ("{}", "[1]", "no json", '{"schema": 99}'):
        (tmp_path / "bad.json").write_text(bad)
        with pytest.raises(InputError, match=r"bad\.json"):
            load_result(tmp_path / "bad.json")
    with pytest.raises(InputError, match="cannot be read"):
        load_result(tmp_path / "missing.json")


def test_finding_pictures(folder: Path, tmp_path: Path) -> None:
    assert [path.name for path in find_pictures(folder)] == ["a.png", "b.png"]
    (tmp_path / "._c.png").touch()  # as macOS leaves them
    (tmp_path / "c.png").touch()
    assert find_pictures(tmp_path) == [tmp_path / "c.png"]
    assert find_pictures([folder / "b.png"]) == [folder / "b.png"]
    with pytest.raises(InputError, match="no such file or folder"):
        find_pictures(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no pictures"):
        find_pictures(tmp_path / "empty")


def test_bad_requests(folder: Path, tmp_path: Path) -> None:
    for qualities in ([], [101], [-1], [5, 5]):
        with pytest.raises(UsageError):
            run(FakeCodec(), folder, qualities)
    with pytest.raises(UsageError, match="same file name"):
        run(FakeCodec(), [folder / "a.png", folder], [5])
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be created"):
        run(FakeCodec(), folder, [5], keep=tmp_path / "file")
    (folder / "c.png").write_text("damaged")
    with pytest.raises(InputError, match=r"c\.png"):
        run(FakeCodec(), folder, [5])


def test_a_codec_that_changes_the_shape_is_caught(folder: Path) -> None:
    class Cropping(FakeCodec):
        def decode(self, data: bytes) -> FakeDecoded:
            decoded = super().decode(data)
            return FakeDecoded(decoded.pixels[1:], decoded.timings)

    with pytest.raises(LcodecError, match="decoded to shape"):
        run(Cropping(), folder, [5])


def test_gray_pictures(tmp_path: Path) -> None:
    Image.new("L", (20, 10), 77).save(tmp_path / "g.png")
    result: BenchResult = run(FakeCodec(), tmp_path, [50])
    assert result.results[0].channels == 1


def with_alpha(path: Path, alpha: int) -> None:
    """Add alpha of one value to a picture."""
    with Image.open(path) as image:
        image.putalpha(alpha)
        image.save(path)


def test_alpha_is_left_out_and_said_to_be(tmp_path: Path) -> None:
    write_pictures(tmp_path, SIZES)
    plain = run(FakeCodec(), tmp_path, [50, 80])
    assert not any("alpha" in note for note in summarize(plain).notes)
    for name in SIZES:
        with_alpha(tmp_path / name, 9)
    write_pictures(tmp_path, {"c.png": (20, 30)})
    with_alpha(tmp_path / "c.png", 255)  # opaque: nothing is left out
    result = run(FakeCodec(), tmp_path, [50, 80])
    assert [row.bytes for row in result.results[:4]] == [row.bytes for row in plain.results]
    (tmp_path / "r.json").write_text(result_to_json(result))
    for found in (result, load_result(tmp_path / "r.json")):
        (note,) = [note for note in summarize(found).notes if "alpha" in note]
        assert note == "2 pictures have alpha, which is left out of files and figures"
    one = run(FakeCodec(), tmp_path / "b.png", [50])
    assert summarize(one).notes[-1].startswith("1 picture has alpha")


def test_startup_is_timed() -> None:
    codec, seconds = timed_startup(FakeCodec)
    assert isinstance(codec, FakeCodec)
    assert seconds >= 0
