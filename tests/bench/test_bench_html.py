"""HTML reports: complete, self-contained, and safe whatever the files are called."""

from __future__ import annotations

import base64
import io
import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lcodec.bench import BenchResult, run, summarize
from lcodec.bench.extras import MissingExtraError
from lcodec.bench.html import (
    Pane,
    WorstPictures,
    bench_page,
    compare_page,
    make_scene,
    nearest_level,
    pages,
)
from lcodec.metrics.compare import PictureFile, compare_pictures
from lcodec.picture import Picture
from tests.bench.bench_fakes import FakeCodec, write_pictures
from tests.bench.test_bench_report import made
from tests.tinymodel import picture

pytest.importorskip("jinja2")

EVIL = "<img src=x onerror=alert(1)>.png"
VOID = {"meta", "link", "img", "input", "br"}


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and the text in each kind of them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1] if self.open else "", data.strip()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


def checked(text: str) -> Page:
    """The page, after making sure that it loads nothing and runs only its own scripts."""
    page = Page(text)
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "base")
        assert not any(name.startswith("on") for name in attributes)
        assert "href" not in attributes and "srcset" not in attributes
        source = attributes.get("src")
        assert source is None or source.startswith("data:image/")
    style = next(t for tag, t in page.texts if tag == "style")
    assert "@import" not in style and "url(" not in style
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline';")
    assert policy.count("'sha256-") == len(page.all("script")) == 2
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    return page


def file(name: str, pixels: np.ndarray, size: int = 1000) -> PictureFile:
    return PictureFile(name, "PNG", size, Picture(pixels))


def comparison_page(name: str = "b.png", side: int = 60, budget: int = 10**7) -> str:
    one = picture(side, side + 20)
    other = one.copy()
    other[8:24, 8:24] //= 2
    comparison = compare_pictures(file("a.png", one), [file(name, other, 700)])
    panes = [(Pane(f.name, "words"), f.picture) for f in (comparison.reference, *comparison.files)]
    return compare_page(comparison, make_scene("", panes, budget=budget))


def embedded(page: Page) -> list[np.ndarray]:
    pictures = []
    for image in page.all("img"):
        head, _, data = (image["src"] or "").partition(";base64,")
        assert head == "data:image/webp"
        pictures.append(np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")))
    return pictures


def test_pictures_are_embedded_without_loss() -> None:
    text = comparison_page()
    page = checked(text)
    one, other = embedded(page)
    assert np.array_equal(one, picture(60, 80))
    assert np.array_equal(other[:8], one[:8]) and not np.array_equal(other, one)
    places = [b["data-region"] for b in page.all("button") if "data-region" in b]
    assert places[0] == "0 0 80 60"
    assert (places[1] or "").endswith("32 32")
    assert text == comparison_page()  # the same files make the same page


def test_large_pictures_are_reduced_with_exact_crops() -> None:
    page = checked(comparison_page(side=1000, budget=1_200_000))
    pictures = embedded(page)
    assert len(pictures) == 4
    assert pictures[0].shape == pictures[1].shape
    assert pictures[0].shape[0] <= 500
    (crop,) = [b["data-region"] for b in page.all("button") if b.get("data-view") == "1"]
    left, top, width, height = map(int, (crop or "").split())
    exact = picture(1000, 1020)[top : top + height, left : left + width]
    assert np.array_equal(pictures[2], exact)
    assert (width, height) == (512, 512)
    assert any("1020 x 1000 pixels, too many to embed" in text for text in page.text("p"))
    assert sum(p.size for p in pictures) / 3 <= 1_200_000


def test_every_picture_has_its_own_worst_places() -> None:
    one = picture(120, 160)
    near, far = one.copy(), one // 2
    near[40:60, 100:120] ^= 3
    panes = [(Pane("a", ""), one), (Pane("near", ""), near), (Pane("far", ""), far)]
    scene = make_scene("", [(pane, Picture(pixels)) for pane, pixels in panes])
    assert scene.places[0].title == "Whole picture"
    assert [place.title for place in scene.places[1:]] == ["near"] + ["far"] * 6
    region = scene.places[1].region
    assert region.left <= 100 and region.left + region.width >= 120
    assert region.top <= 40 and region.top + region.height >= 60
    assert all(place.pane == (1 if place.title == "near" else 2) for place in scene.places[1:])
    # Of large ones, as many as there is room for, but one of each.
    scene = make_scene("", [(pane, Picture(pixels)) for pane, pixels in panes], budget=30_000)
    assert [place.title for place in scene.places[1:]] == ["near"]


def test_sizes_in_percent_of_the_reference() -> None:
    page = checked(comparison_page())
    assert "% of size" in page.text("th")
    assert {"100.0", "70.0"} <= set(page.text("td"))


def test_names_are_only_text() -> None:
    page = checked(comparison_page(EVIL))
    assert EVIL in page.text("th")
    assert EVIL in page.text("option")
    assert [image["alt"] for image in page.all("img")] == ["a.png", EVIL]
    assert comparison_page("\udcff.png").encode("utf-8")


def test_equal_pictures_and_small_ones() -> None:
    one = picture(3, 5)
    comparison = compare_pictures(file("a", one), [file("b", one)])
    scene = make_scene("", [(Pane("a", ""), Picture(one)), (Pane("b", ""), Picture(one))])
    page = checked(compare_page(comparison, scene))
    assert "equal" in page.text("td")
    assert len([b for b in page.all("button") if "data-region" in b]) == 1


def report(result: BenchResult, worst: WorstPictures | None = None) -> str:
    worst = worst or WorstPictures(nearest_level(result.qualities, 50), 0)
    return bench_page(result, summarize(result), worst.quality, worst.scenes)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    write_pictures(tmp_path, {"a.png": (180, 200), "b.png": (40, 60), EVIL: (30, 40)})
    return tmp_path


def test_benchmark_page_has_all_figures(pictures: Path) -> None:
    worst = WorstPictures(40, 2)
    result = run(FakeCodec(), pictures, [70, 40, 100], observe=worst.observe)
    page = checked(report(result, worst))
    cells = page.text("td") + page.text("th")
    for row in result.results:
        assert {row.picture, str(row.bytes), f"{row.bpp:.4f}"} <= set(cells)
    for mean in result.means():
        shown = "equal" if math.isinf(mean.psnr) else f"{mean.psnr:.3f}"
        assert {str(mean.quality), f"{mean.bpp:.4f}", shown} <= set(cells)
    assert {"analysis", "range coder", "synthesis"} <= set(cells)
    assert result.machine["python"] in page.text("dd")
    # Pictures too small for MS-SSIM leave no mean of it.
    charts = [svg for svg in page.all("svg") if svg.get("role") == "img"]
    drawn = ["SSIMULACRA2 over bits per pixel", "RGB PSNR (dB) over bits per pixel"]
    assert [svg["aria-label"] for svg in charts] == drawn
    assert "VTM 9.1 (VVC), 4:4:4" not in page.text("th")
    at = sorted((row for row in result.results if row.quality == 40), key=lambda row: row.psnr)
    assert [scene.title for scene in worst.scenes] == [row.picture for row in at[:2]]
    assert page.text("h3") == [row.picture for row in at[:2]]
    codec = FakeCodec()
    for number, row in enumerate(at[:2]):
        original = np.asarray(Image.open(pictures / row.picture))
        decoded = codec.decode(codec.encode_detailed(original, 40).data).pixels
        assert np.array_equal(embedded(page)[2 * number], original)
        assert np.array_equal(embedded(page)[2 * number + 1], decoded)


def test_worst_pictures_are_judged_by_what_the_codec_is_made_for(pictures: Path) -> None:
    (pictures / "b.png").unlink()
    write_pictures(pictures, {"b.png": (200, 180), "c.png": (190, 190), "tiny.png": (7, 7)})
    (pictures / EVIL).unlink()
    result = run(FakeCodec(), pictures, [40], tune="visual")
    # The order by SSIMULACRA2 is the opposite of that by PSNR; the tiny picture has none.
    rows = [replace(row, psnr=30.0 - n) for n, row in enumerate(result.results[:3])]
    rows = [replace(row, ssimulacra2=50.0 + n) for n, row in enumerate(rows)]
    rows.append(replace(result.results[3], psnr=1.0, ssimulacra2=None))
    result = replace(result, results=tuple(rows))
    by_eye = ["a.png", "b.png", "c.png", "tiny.png"]
    by_psnr = by_eye[::-1]
    for tune, expected, told in (
        ("visual", by_eye, "Those with the lowest SSIMULACRA2."),
        ("psnr", by_psnr, "Those with the lowest PSNR."),
        (None, by_psnr, "Those with the lowest PSNR."),
    ):
        measured = replace(result, tune=tune)
        worst = WorstPictures(40, 2, measured.is_visual)
        for row in reversed(measured.results):
            pixels = np.asarray(Image.open(pictures / row.picture))
            worst.observe(row, Picture(pixels), pixels)
        page = checked(report(measured, worst))
        assert [scene.title for scene in worst.scenes] == expected[:2]
        assert [name for name in page.text("strong") if name in expected][:4] == expected
        assert any(told in text for text in page.text("p"))


def test_pictures_kept_are_bounded(pictures: Path) -> None:
    worst = WorstPictures(40, 1)
    run(FakeCodec(), pictures, [40], observe=worst.observe)
    assert len(worst.scenes) == 1
    none = WorstPictures(40, 0)
    run(FakeCodec(), pictures, [40], observe=none.observe)
    assert none.scenes == []


def test_kodak_page_draws_the_published_curves() -> None:
    page = checked(report(made(0.9)))
    assert "open" in page.all("details")[0]
    assert "VTM 9.1 (VVC), 4:4:4" in page.text("li")
    assert len([svg for svg in page.all("svg") if svg.get("role") == "img"]) == 3
    assert "-10.0" in page.text("td")
    assert "kodim01.png" in page.text("strong")


def test_comparisons_on_the_same_pictures_have_their_range() -> None:
    result = made(0.9)
    no_ms_ssim = replace(result.curve(), title="Other", ms_ssim=None)
    page = checked(report(replace(result, peers=(no_ms_ssim,))))
    assert "Other" in page.text("th") and "SSIMULACRA2 range" in page.text("th")
    at = page.text("td").index("20.0 to 90.0")
    assert page.text("td")[at - 1 : at + 5] == [
        "+0.0",
        "20.0 to 90.0",
        "+0.0",
        "26.1 to 46.6",
        "-",
        "-",
    ]


def test_missing_jinja2_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    pages._environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"jinja2: pip install 'lcodec\[bench\]'"):
        comparison_page()
    pages._environment.cache_clear()


@pytest.mark.slow
def test_scripts_run_in_a_browser(tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no browser")
    written = comparison_page(EVIL)
    (tmp_path / "page.html").write_text(written, "utf-8")
    done = subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000"),
            *("--dump-dom", (tmp_path / "page.html").as_uri()),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    page = Page(done.stdout.decode("utf-8").partition("-->")[2] or done.stdout.decode("utf-8"))
    (viewer,) = [d for d in page.all("div") if d.get("class") == "viewer"]
    assert viewer.get("data-ready") == "yes" and "hidden" not in viewer
    canvases = [c for c in page.all("canvas") if c.get("role") == "img"]
    assert [c.get("aria-label") for c in canvases[:2]] == ["a.png words", f"{EVIL} words"]
    assert len(page.all("th")) == len(Page(written).all("th")) > 6
    assert len([b for b in page.all("button") if b.get("type") == "button"]) >= 6


def test_results_of_earlier_runs_make_the_same_page(pictures: Path, tmp_path: Path) -> None:
    from lcodec.bench import load_result, report_to_json

    result = run(FakeCodec(), pictures, [40, 70], startup_seconds=1.0)
    path = tmp_path / "figures.json"
    path.write_text(report_to_json(result, summarize(result)))
    assert report(load_result(path)) == report(result)
    tree = json.loads(path.read_text())
    tree["name"] = "<b>bold</b>"
    path.write_text(json.dumps(tree))
    assert "Benchmark of <b>bold</b>" in checked(report(load_result(path))).text("h1")
