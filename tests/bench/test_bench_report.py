"""The report: figures, notes, tables, plots."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from lcodec.bench import (
    BenchResult,
    Curve,
    PictureResult,
    plot_rd,
    print_report,
    published_curve,
    report_to_json,
    summarize,
)
from lcodec.bench.extras import MissingExtraError
from lcodec.bench.kodak import kodak_hashes
from lcodec.errors import OutputError, UsageError

STAGES = {"analysis": 0.1, "entropy network": 0.2, "range coder": 0.05, "synthesis": 0.0}
QUALITIES = (0, 14, 28, 42, 57, 71, 85, 100)


def made(factor: float = 1.0, slack: float = 0.005) -> BenchResult:
    """A result whose curve is VTM's with its rate times ``factor``, on the Kodak pictures."""
    vtm = published_curve("vtm")
    assert vtm.ms_ssim is not None
    pictures = tuple(f"kodim{number:02d}.png" for number in range(1, 25))
    rows = []
    for picture, pixels in zip(pictures, sorted(kodak_hashes()), strict=True):
        for number, quality in enumerate(QUALITIES):
            size = round(vtm.bpp[number] * factor * 768 * 512 / 8)
            rows.append(
                PictureResult(
                    picture=picture,
                    quality=quality,
                    width=768,
                    height=512,
                    channels=3,
                    bytes=size,
                    sha256="",
                    pixels_sha256=pixels,
                    psnr=vtm.psnr[number],
                    ms_ssim=vtm.ms_ssim[number],
                    ssimulacra2=20.0 + 10.0 * number,
                    estimated_bits_y=8 * size * (1 - slack),
                    estimated_bits_z=0.0,
                    encode_seconds=0.4,
                    decode_seconds=0.5,
                    encode_stages=dict(STAGES),
                    decode_stages={**STAGES, "analysis": 0.0, "synthesis": 0.2},
                    stream_bytes=size,
                )
            )
    return BenchResult("lcodec", QUALITIES, pictures, tuple(rows), 1.6, {})


def printed(result: BenchResult, width: int = 120) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    print_report(summarize(result), console)
    return console.export_text()


def test_bd_rates_against_the_published_curves() -> None:
    summary = summarize(made(0.9))
    rows = {row.against: row for row in summary.bd_rates}
    vtm = rows["vtm"]
    assert vtm.percent == pytest.approx(-10.0, abs=0.01)
    assert (vtm.low, vtm.high) == (published_curve("vtm").psnr[0], published_curve("vtm").psnr[-1])
    assert {"jpeg420", "mlic++", "elic", "hyperprior"} <= rows.keys()
    assert rows["jpeg420"].percent is not None and rows["jpeg420"].percent < -60
    assert summary.notes == ()
    assert summary.pictures == 24
    assert summary.megapixels == pytest.approx(24 * 768 * 512 / 1e6)


def test_shares_of_time() -> None:
    summary = summarize(made(), against=[])
    encode = {row.stage: row for row in summary.encode_stages}
    assert list(encode) == ["start-up", "analysis", "entropy network", "range coder", "other"]
    assert encode["entropy network"].share == pytest.approx(50.0)
    assert encode["entropy network"].share_once == pytest.approx(10.0)
    assert encode["start-up"].share is None
    assert encode["start-up"].share_once == pytest.approx(80.0)
    assert encode["other"].seconds == pytest.approx(0.05)
    assert sum(row.share or 0 for row in summary.encode_stages) == pytest.approx(100.0)
    decode = {row.stage: row for row in summary.decode_stages}
    assert decode["synthesis"].share == pytest.approx(40.0)
    assert "analysis" not in decode
    cold = summarize(replace(made(), startup_seconds=None), against=[])
    assert all(row.share_once is None for row in cold.encode_stages)


def test_rates_that_disagree_are_named() -> None:
    notes = summarize(made(slack=0.02), against=[]).notes
    assert len(notes) == len(QUALITIES)
    assert notes[0] == (
        "quality 0: the coded streams are +2.04 % off the estimated bits, more than 1 %"
    )


def test_what_is_no_fault_of_the_coder_is_not_named() -> None:
    """Neither the container, nor whole words at the ends of the streams of a small file."""

    def notes(**changes: int | float | None) -> tuple[str, ...]:
        rows = tuple(replace(row, **changes) for row in made().results)  # type: ignore[arg-type]
        return summarize(replace(made(), results=rows), against=[]).notes

    small = {"bytes": 146, "width": 64, "height": 64, "estimated_bits_y": 8 * 94.0}
    assert notes(**small, stream_bytes=100) == ()
    assert len(notes(**small, stream_bytes=120)) == len(notes(**small, stream_bytes=80)) == 8
    assert notes(**small, stream_bytes=None) == ()  # of a version that did not store it
    large = {"bytes": 4046, "estimated_bits_y": 8 * 3920.0}
    assert len(notes(**large, stream_bytes=4000)) == 8
    assert notes(**large | {"bytes": 9000}, stream_bytes=3950) == ()  # much metadata


def test_other_pictures_few_levels_and_small_pictures_are_named() -> None:
    rows = tuple(
        replace(row, picture=f"x{row.picture}", pixels_sha256="", ms_ssim=None)
        for row in made().results
        if row.quality in (0, 14)
    )
    pictures = tuple(f"x{name}" for name in made().pictures)
    result = replace(made(), qualities=(0, 14), pictures=pictures, results=rows)
    assert summarize(result).bd_rates == ()
    notes = summarize(result, against=[]).notes
    assert len(notes) == 3
    assert "Kodak" in notes[0]
    assert notes[1].startswith("only 2 quality levels")
    assert notes[2].startswith("24 pictures are too small")


def test_files_made_for_the_eye_say_so_beside_published_curves() -> None:
    said = "made for the eye, and the published curves are in PSNR"
    visual = replace(made(), tune="visual")
    assert [said in note for note in summarize(visual).notes] == [True]
    assert "against these use `--tune psnr`" in printed(visual)
    assert summarize(replace(made(), tune="psnr")).notes == ()
    others = tuple(replace(row, pixels_sha256="") for row in visual.results)
    assert said not in " ".join(summarize(replace(visual, results=others)).notes)


def test_a_curve_that_cannot_be_compared_has_a_reason() -> None:
    far = Curve.from_points("far", [(0.1, 60.0), (0.2, 70.0)])
    (row,) = summarize(made(), against=[far]).bd_rates
    assert row.percent is None
    assert "share no PSNR range" in row.reason


def test_codecs_on_the_same_pictures_are_compared_by_every_measure() -> None:
    result = made(0.9)
    curve = result.curve()
    rates = tuple(bpp * 2 for bpp in curve.bpp)
    twice = replace(curve, name="jpeg", title="JPEG", bpp=rates, kind="classical")
    no_ms_ssim = replace(twice, name="webp", title="WebP", ms_ssim=None)
    with_peers = replace(result, peers=(twice, no_ms_ssim))
    one, other = summarize(with_peers).peers
    assert (one.against, one.title) == ("jpeg", "JPEG")
    for percent in (one.ssimulacra2, one.psnr, one.ms_ssim, other.ssimulacra2):
        assert percent == pytest.approx(-50.0)
    assert other.ms_ssim is None
    for row in (one, other):
        rate = row.rates["ssimulacra2"]
        assert (rate.low, rate.high, rate.overlap) == (20.0, 90.0, 1.0)
    assert "ms_ssim" not in other.rates
    text = printed(with_peers)
    assert "-50.0" in text and "20.0 to 90.0" in text and "26.1 to 46.6" in text
    assert "note:" not in text


@pytest.mark.parametrize("published", [True, False])
def test_curves_that_hardly_overlap_are_named(published: bool) -> None:
    result = made()
    curve = result.curve()
    assert curve.ssimulacra2 is not None
    by = curve.psnr[-1] - curve.psnr[0] - 0.1
    lower = replace(
        curve,
        title="Lower",
        psnr=tuple(value - by for value in curve.psnr),
        ssimulacra2=tuple(value - 69.9 for value in curve.ssimulacra2),
    )
    against = [lower, curve] if published else []
    result = result if published else replace(result, peers=(lower, curve))
    summary = summarize(result, against=against)
    said = [note for note in summary.notes if "the BD-rate in" in note]
    assert [note.split()[3] for note in said] == (
        ["PSNR"] if published else ["SSIMULACRA2", "PSNR"]
    )
    assert all("less than 25 % of the range" in note for note in said)
    assert all(note.endswith("against Lower") for note in said)
    found = summary.bd_rates[0] if published else summary.peers[0].rates["psnr"]
    assert (found.low, found.high) == pytest.approx((curve.psnr[0], curve.psnr[0] + 0.1))
    tree = json.loads(report_to_json(result, summary))["summary"]
    assert tree["notes"] == list(summary.notes)
    if not published:
        rates = tree["peers"][0]["rates"]["ssimulacra2"]
        assert (rates["low"], rates["high"]) == pytest.approx((20.0, 20.1))
        assert rates["percent"] == tree["peers"][0]["ssimulacra2"]


def test_tables_show_the_figures() -> None:
    text = printed(made(0.9))
    assert "lcodec: 24 pictures, 9.44 MP" in text
    assert "VTM 9.1" in text
    assert "-10.0" in text
    assert "26.1-46.6" in text
    assert "start-up" in text
    assert "+0.50" in text
    assert "note:" not in text
    assert "note: quality 0: the coded streams are +2.04 %" in printed(made(slack=0.02))


def test_one_is_not_said_to_be_several() -> None:
    result = made()
    rows = tuple(replace(row, ms_ssim=None) for row in result.results[:1])
    alone = replace(result, qualities=(0,), pictures=result.pictures[:1], results=rows)
    text = " ".join(printed(alone).split())
    assert "lcodec: 1 picture, 0.39 MP" in text
    assert "only 1 quality level; " in text and "1 picture is too small for MS-SSIM" in text
    assert not re.search(r"\b1 (pictures|\w+ levels)", text)


@pytest.mark.parametrize("width", [*range(20, 100, 7), 80])
def test_figures_are_never_cut(width: int) -> None:
    result = made(0.9)
    curve = replace(result.curve(), name="jpeg", title="JPEG 4:2:0, optimised, progressive")
    rows = tuple(replace(row, encode_seconds=1234.5) for row in result.results)
    result = replace(result, peers=(curve,), results=rows)
    summary, shown = summarize(result), printed(result, width)
    assert "…" not in shown and "not shown" not in printed(result, 200)
    for mean in summary.means:
        assert f" {mean.bpp:.4f} " in shown and f" {mean.psnr:.3f} " in shown
    for bd in summary.bd_rates:
        assert f" {bd.percent:+.1f} " in shown and f" {bd.low:.1f}-{bd.high:.1f} " in shown
    assert width < 41 or max(map(len, shown.splitlines())) <= width
    told = " ".join(shown.split())
    assert bool(re.search("not shown: (MS-SSIM, )?est. bpp", told)) == (width < 87)
    assert ("% with start-up; in a wider" in told) == (width < 80)


def test_json_is_strict_and_whole() -> None:
    result = made()
    rows = tuple(replace(r, psnr=float("inf")) if r.quality == 100 else r for r in result.results)
    result = replace(result, results=rows)
    text = report_to_json(result, summarize(result))
    tree = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))
    assert len(tree["results"]) == 24 * 8
    assert tree["summary"]["means"][-1]["psnr"] is None
    assert tree["summary"]["means"][0]["rate_difference"] == pytest.approx(0.5025, abs=1e-3)
    assert tree["summary"]["bd_rates"][0]["against"] == "vtm"


@pytest.mark.parametrize("metric", ["psnr", "ms_ssim"])
def test_plot_is_written(tmp_path: Path, metric: str) -> None:
    curves = [made(0.9).curve(), published_curve("vtm"), published_curve("elic")]
    plot_rd(curves, tmp_path / "rd.png", metric=metric)  # type: ignore[arg-type]
    with Image.open(tmp_path / "rd.png") as image:
        image.load()
        assert image.format == "PNG"
        assert image.width > 500
        colors = image.convert("RGB").getcolors(1 << 20)
        assert colors is not None and len(colors) > 50
    with pytest.raises(OutputError, match="exists"):
        plot_rd(curves, tmp_path / "rd.png")


def test_plot_refuses_what_it_cannot_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vtm, elic = published_curve("vtm"), published_curve("elic")
    with pytest.raises(UsageError, match=r"one of \.pdf \.png \.svg"):
        plot_rd([vtm], tmp_path / "rd.gif")
    with pytest.raises(UsageError, match="no curve has points"):
        plot_rd([elic], tmp_path / "rd.png", metric="ms_ssim")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"matplotlib: pip install 'lcodec\[bench\]'"):
        plot_rd([vtm], tmp_path / "rd.png")
    assert list(tmp_path.iterdir()) == []


def test_extras_and_torch_are_imported_only_when_needed() -> None:
    code = (
        "import sys, lcodec.bench\n"
        "print([m for m in ('matplotlib', 'scipy', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_do_not_make_pictures_those_of_the_curves() -> None:
    result = made()
    others = tuple(replace(row, pixels_sha256="0" * 64) for row in result.results)
    for rows in (others, tuple(replace(row, pixels_sha256="") for row in others)):
        summary = summarize(replace(result, results=rows))
        assert summary.bd_rates == ()
        assert "these are others; `--against jpeg,avif`" in summary.notes[0]
