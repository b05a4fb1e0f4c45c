"""`lcodec compare`, and the pages of `lcodec bench`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lcodec.bench import ms_ssim, psnr, result_to_json
from lcodec.cli.main import run
from lcodec.library.codec import Codec
from lcodec.picture import load
from tests.bench.test_bench_report import made
from tests.tinymodel import picture

from .command import command, environment, lcodec

Capture = pytest.CaptureFixture[str]
EVIL = "<img src=x onerror=alert(1)>.jpg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An original, two pictures made of it, and one of another size."""
    pixels = picture(180, 200)
    Image.fromarray(pixels).save(tmp_path / "original.png")
    Image.fromarray(pixels).save(tmp_path / EVIL, quality=30)
    Image.fromarray(pixels).save(tmp_path / "b.webp", quality=20)
    Image.fromarray(pixels[:100]).save(tmp_path / "small.png")
    return tmp_path


@pytest.mark.usefixtures("tiny_model")
def test_the_command(folder: Path) -> None:
    coded = Codec(device="cpu").encode(load(folder / "original.png"), 40)
    (folder / "c.lic").write_bytes(coded)
    words = ["compare", EVIL, "b.webp", "c.lic", "--reference", "original.png", "--html", "o.html"]
    done = lcodec(*words, "--json", cwd=folder)
    assert done.status == 0 and re.fullmatch(r"page -> o\.html [\d.]+ KB\n", done.err)
    tree = json.loads(done.out)
    assert (tree["reference"], tree["width"], tree["height"]) == ("original.png", 200, 180)
    assert [entry["file"] for entry in tree["pictures"]] == [EVIL, "b.webp", "c.lic"]
    original = load(folder / "original.png").pixels
    decoded = Codec(device="cpu").decode(coded).pixels
    others = [load(folder / EVIL).pixels, load(folder / "b.webp").pixels, decoded]
    for entry, pixels in zip(tree["pictures"], others, strict=True):
        assert entry["bytes"] == (folder / entry["file"]).stat().st_size
        assert entry["bpp"] == 8 * entry["bytes"] / (200 * 180)
        assert entry["psnr"] == psnr(original, pixels)
        assert entry["ms_ssim"] == ms_ssim(original, pixels)
        assert entry["equal"] is False
    page = (folder / "o.html").read_text("utf-8")
    assert page.startswith("<!doctype html>") and page.count("data:image/webp;base64,") == 4
    assert "<img src=x" not in page and "&lt;img src=x" in page
    again = lcodec(*words, cwd=folder)
    assert (again.status, again.out) == (8, b"")
    assert "exists already" in again.error_line
    forced = lcodec(*words, "-f", cwd=folder)
    assert (forced.status, forced.err.count("\n")) == (0, 1)
    quiet = lcodec(*words, "-f", "--quiet", cwd=folder)
    assert (quiet.status, quiet.err) == (0, "")
    table = forced.out.decode()
    assert "against original.png, 200x180" in table
    assert EVIL in table and "LIC, quality 40" in table and "reference" in table
    assert f"{tree['pictures'][1]['psnr']:.2f}" in table


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_tables_keep_their_figures(
    folder: Path, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """In a terminal, whose width COLUMNS may give, no figure is cut; a pipe gets every column."""
    words = ["compare", *(str(folder / name) for name in ("original.png", "b.webp"))]
    (folder / "f.json").write_text(result_to_json(made()))
    bench = ["bench", "--results", str(folder / "f.json")]
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run([*words, "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["pictures"]
    for arguments in (words, bench):
        assert run(arguments) == 0
        piped = capsys.readouterr().out
        assert "…" not in piped and "not shown" not in piped
        shown = on_terminal(arguments, columns)
        assert "…" not in shown
        assert max(map(len, shown.splitlines())) <= columns
        if arguments is words:
            assert f"{entry['psnr']:.2f}" in shown and f"{entry['ssimulacra2']:.2f}" in shown
            assert (f"{entry['ms_ssim']:.5f}" in shown) == (columns >= 60)
        else:
            assert " 26.145 " in shown and ("not shown" in shown) == (columns < 85)


def on_terminal(arguments: list[str], columns: int) -> str:
    """What a command writes to a terminal."""
    import pty

    master, slave = pty.openpty()
    changes = {"COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "dumb"}
    child = subprocess.Popen(command(*arguments), stdout=slave, env=environment(**changes))
    os.close(slave)
    text = b""
    try:
        while more := os.read(master, 1 << 16):
            text += more
    except OSError:  # Linux, once the other side is closed
        pass
    finally:
        os.close(master)
    assert child.wait() == 0
    return text.decode()


def test_the_first_is_the_reference(folder: Path, capsys: Capture) -> None:
    names = [str(folder / name) for name in ("original.png", "original.png", "b.webp")]
    assert run(["compare", *names, "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)
    same, other = tree["pictures"]
    assert (same["equal"], same["psnr"], same["ms_ssim"]) == (True, None, pytest.approx(1.0))
    assert other["psnr"] > 20
    assert tree["reference"] == names[0]


def test_differences_of_other_kinds_are_warned_of(folder: Path, capsys: Capture) -> None:
    alpha = Image.fromarray(picture(180, 200))
    alpha.putalpha(Image.fromarray(picture(180, 200)[..., 1]))
    alpha.save(folder / "alpha.png")
    names = [str(folder / "original.png"), str(folder / "alpha.png")]
    assert run(["compare", *names]) == 0
    assert "alpha.png: its alpha differs" in capsys.readouterr().err
    assert run(["compare", *names, "--quiet", "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "alpha" in json.loads(printed.out)["pictures"][0]["notes"][0]


def test_mistakes(folder: Path, capsys: Capture) -> None:
    names = {path.name: str(path) for path in folder.iterdir()}
    page = str(folder / "o.html")

    def failure(*words: str) -> tuple[int, str]:
        status = run(["compare", *words, "--html", page])
        printed = capsys.readouterr()
        assert printed.out == "" and len(printed.err.splitlines()) == 1
        assert not Path(page).exists()
        return status, printed.err

    status, line = failure(names["original.png"], names["small.png"])
    assert status == 2
    assert "original.png is 200x180" in line and "small.png is 200x100" in line
    assert failure(names["original.png"])[0] == 2
    assert failure(names["original.png"], "-")[0] == 2
    assert failure(names["original.png"], str(folder / "none.png"))[0] == 3
    assert failure(names["original.png"], str(folder))[0] == 3
    (folder / "bad.png").write_bytes(Path(names["original.png"]).read_bytes()[:200])
    assert failure(names["original.png"], str(folder / "bad.png"))[0] == 3
    both = [names["original.png"], names["b.webp"]]
    before = Path(both[1]).read_bytes()
    assert run(["compare", *both, "--html", both[1], "-f"]) == 2
    assert Path(both[1]).read_bytes() == before
    assert run(["compare", *both, "--html", "-"]) == 2
    assert run(["compare", *both, "--html", str(folder / "none" / "o.html")]) == 8


@pytest.mark.usefixtures("tiny_model")
def test_damaged_lic_files_and_other_sizes_are_told_before_decoding(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    coded = folder / "c.lic"
    data = Codec(device="cpu").encode(picture(20, 30))
    original = str(folder / "original.png")
    coded.write_bytes(data[:-3])
    assert run(["compare", original, str(coded)]) == 4
    assert f"lcodec: {coded}: " in capsys.readouterr().err
    coded.write_bytes(data)
    monkeypatch.setattr(Codec, "decode", lambda *_: pytest.fail("decoded"))
    assert run(["compare", original, str(coded)]) == 2
    assert "c.lic is 30x20" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny_model")
def test_bench_writes_a_page_with_the_worst_pictures(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    (tmp_path / "set").mkdir()
    for seed, name in enumerate(("a.png", "<b>.png")):
        Image.fromarray(picture(48, 64, seed)).save(tmp_path / "set" / name)
    words = ["bench", "--set", "set", "-q", "20,60", "--html-pictures", "1", "--html-quality", "20"]
    done = lcodec(*words, "--html", "o.html", "--json", "f.json", cwd=tmp_path)
    written = r"figures -> f\.json [\d.]+ KB\npage -> o\.html [\d.]+ KB\n"
    assert done.status == 0 and re.fullmatch(written, done.err)
    page = (tmp_path / "o.html").read_text("utf-8")
    assert page.count("data:image/webp;base64,") == 2
    assert "Worst pictures at quality 20" in page
    assert "<b>.png" not in page and "&lt;b&gt;.png" in page
    later = lcodec("bench", "--results", "f.json", "--html", "p.html", "--json", "-", cwd=tmp_path)
    assert later.status == 0 and re.fullmatch(r"page -> p\.html [\d.]+ KB\n", later.err)
    assert json.loads(later.out) == json.loads((tmp_path / "f.json").read_text())
    second = (tmp_path / "p.html").read_text("utf-8")
    assert "made without the decoded pictures" in second and "data:image" not in second
    assert lcodec("bench", "--results", "f.json", "--html", "p.html", cwd=tmp_path).status == 8


def test_bench_refuses_what_does_not_go_together(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("scipy")
    (tmp_path / "f.json").write_text("{}")
    figures, folder = str(tmp_path / "f.json"), str(tmp_path)
    page = str(tmp_path / "o.html")
    assert run(["bench", "--html", page]) == 2
    assert run(["bench", "--set", folder, "--results", figures]) == 2
    of_runs = ["-q 50", "--limit 2", "-e 2", "--against jpeg", "--tune psnr", "--tune visual"]
    for option in (*of_runs, "--model groupedmixer", "--device cpu", "--threads 1"):
        assert run(["bench", "--results", figures, *option.split()]) == 2, option
        assert "makes no new run" in capsys.readouterr().err
    assert run(["bench", "--results", figures, "--json", figures, "-f"]) == 2
    assert run(["bench", "--results", figures, "--html", page]) == 3
    assert run(["bench", "--results", str(tmp_path / "none.json")]) == 3
    assert run(["bench", "--set", folder, "-q", "20", "--html", page, "--html-quality", "30"]) == 2
    assert run(["bench", "--set", folder, "--html", "-"]) == 2
    for line in capsys.readouterr().err.splitlines():
        assert line.startswith("lcodec: ")
    assert not Path(page).exists()


def test_numbers_in_results_are_checked(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("scipy")
    tree = json.loads(result_to_json(made()))
    first, *rest = tree["results"]
    path = tmp_path / "f.json"
    path.write_text(json.dumps(tree))
    assert run(["bench", "--results", str(path)]) == 0
    changes: list[dict[str, Any]] = [
        {"results": []},
        {"qualities": [50, 60]},
        {"results": [{**first, "width": 0}, *rest]},
        {"results": [{**first, "psnr": "high"}, *rest]},
        {"results": [{**first, "encode_stages": [1]}, *rest]},
        {"machine": None},
    ]
    for change in changes:
        path.write_text(json.dumps({**tree, **change}))
        assert run(["bench", "--results", str(path)]) == 3, change
    assert capsys.readouterr().err.count("not a file of benchmark results") == 6
