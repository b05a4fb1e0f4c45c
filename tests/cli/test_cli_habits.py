"""What people type out of habit is understood: a transcript of each, at 80 columns."""

from __future__ import annotations

import io
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lcodec
from lcodec import __version__
from lcodec.cli import habits
from lcodec.cli.main import run
from tests.tinymodel import picture

from .command import lcodec as real
from .parsing import PROGRAM

Capture = pytest.CaptureFixture[str]


class Screen:
    """Runs command lines in a folder with two pictures and a file, and has what they said."""

    def __init__(self, folder: Path, capsys: Capture) -> None:
        self.folder = folder
        self.capsys = capsys
        self.status = 0
        self.out = self.err = ""

    def __call__(self, line: str) -> str:
        """Standard error with times, sizes and rates as "#"; the line is a shell's."""
        self.status = run(shlex.split(line.removeprefix("lcodec ")))
        self.out, self.err = self.capsys.readouterr()
        return re.sub(r"\d[\d,.]* (?=byte|KB|%|bpp|s\b)", "# ", self.err).replace("bytes", "KB")

    def made(self) -> list[str]:
        """Files that are there now and were not before; they are deleted."""
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        new = [path.relative_to(self.folder).as_posix() for path in found]
        new = [name for name in new if name not in ("a.png", "b.jpg", "c.lic")]
        for name in new:
            (self.folder / name).unlink()
        return new


@pytest.fixture
def screen(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> Screen:
    Image.fromarray(picture(48, 40)).save(tmp_path / "a.png")
    Image.fromarray(picture(40, 48, 1)).save(tmp_path / "b.jpg")
    (tmp_path / "c.lic").write_bytes(lcodec.encode(picture(32, 32, 2), device="cpu"))
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return Screen(tmp_path, capsys)


ONE = "a.png # KB -> {} # KB (# %), # bpp, # s\n"
BACK = "c.lic # KB -> {} # KB, 32x32, # s\n"


@pytest.mark.parametrize(
    ("line", "said", "made"),
    [
        ("lcodec encode a.png", ONE.format("a.lic"), "a.lic"),
        ("lcodec encode a.png out", ONE.format("out/a.lic"), "out/a.lic"),
        ("lcodec encode a.png new/", ONE.format("new/a.lic"), "new/a.lic"),
        ("lcodec encode a.png -o x.lic", ONE.format("x.lic"), "x.lic"),
        ("lcodec encode -o out a.png", ONE.format("out/a.lic"), "out/a.lic"),
        ("lcodec a.png x.lic", ONE.format("x.lic"), "x.lic"),
        ("lcodec a.png", ONE.format("a.lic"), "a.lic"),
        ("lcodec -q 50 a.png x.lic", ONE.format("x.lic"), "x.lic"),
        ("lcodec -q 50 encode a.png", ONE.format("a.lic"), "a.lic"),
        ("lcodec --threads 1 -fq50 encode a.png", ONE.format("a.lic"), "a.lic"),
        ("lcodec decode c.lic", BACK.format("c.png"), "c.png"),
        ("lcodec decode c.lic out/", BACK.format("out/c.png"), "out/c.png"),
        ("lcodec decode c.lic -o x.tif", BACK.format("x.tif"), "x.tif"),
        ("lcodec decode c.lic out --format tif", BACK.format("out/c.tif"), "out/c.tif"),
        ("lcodec c.lic x.png", BACK.format("x.png"), "x.png"),
        ("lcodec --quiet decode c.lic", "", "c.png"),
        ("lcodec decode -t c.lic", "c.lic # KB: decodes, 32x32, # s\n", ""),
        ("lcodec repack c.lic -o x.lic --model groupedmixer-visual", None, "x.lic"),
        ("lcodec repack c.lic out --model groupedmixer-visual", None, "out/c.lic"),
        ("lcodec batch a.png out -j 1", "a.png: 1 encoded; # KB -> # KB (# %), # bpp, # s\n",
         "out/a.lic"),
    ],
)  # fmt: skip
def test_one_file(line: str, said: str | None, made: str, screen: Screen) -> None:
    told = screen(line)
    assert screen.status == 0, told
    assert said in (None, told)
    assert screen.made() == made.split()
    assert all(len(row) <= 80 for row in screen.err.splitlines()) or "repack" in line


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("lcodec encode a.png b.jpg", ["a.lic", "b.lic"]),
        ("lcodec encode a.png b.jpg out", ["out/a.lic", "out/b.lic"]),
        ("lcodec encode -o new/deep/ a.png b.jpg", ["new/deep/a.lic", "new/deep/b.lic"]),
        ("lcodec a.png b.jpg out/", ["out/a.lic", "out/b.lic"]),
    ],
)
def test_several_pictures(line: str, made: list[str], screen: Screen) -> None:
    first, second, sums = screen(line).splitlines()
    assert screen.status == 0
    assert first == ONE.format(made[0]).strip()
    assert second.startswith(f"b.jpg # KB -> {made[1]} # KB (# %)")
    assert sums == "2 files, # KB -> # KB (# %), # bpp, # s"
    expected = lcodec.encode(picture(48, 40), device="cpu")
    assert (screen.folder / made[0]).read_bytes() == expected
    assert screen.made() == made


def test_networks_are_loaded_once(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    from lcodec.library import codec, shared
    from lcodec.weights.load import load_model

    loaded = []
    load = load_model

    def count(*arguments: str) -> object:
        loaded.append(arguments[0])
        return load(*arguments)  # type: ignore[arg-type]

    shared.forget_codecs()
    monkeypatch.setattr(codec, "load_model", count)
    screen("lcodec encode a.png b.jpg -o out")
    assert loaded == ["groupedmixer-visual"]
    loaded.clear()
    assert screen("lcodec decode c.lic out/a.lic out/b.lic -o back/").count("\n") == 4
    assert loaded == ["groupedmixer-visual"]
    assert screen.made() == ["back/a.png", "back/b.png", "back/c.png", "out/a.lic", "out/b.lic"]


def test_one_that_fails_does_not_stop_the_rest(screen: Screen) -> None:
    (screen.folder / "bad.png").write_bytes(b"nothing")
    told = screen("lcodec encode bad.png a.png missing.png -o out --json")
    assert screen.status == 3
    assert told.splitlines() == [
        "lcodec: bad.png: not a picture of a known format, or damaged",
        ONE.format("out/a.lic").strip(),
        "lcodec: missing.png: no such file",
        "1 file, # KB -> # KB (# %), # bpp, # s, 2 failed",
    ]
    records = [json.loads(row) for row in screen.out.splitlines()]
    assert [record["input"] for record in records] == ["bad.png", "a.png", "missing.png"]
    assert [record.get("code") for record in records] == [3, None, 3]
    told = screen("lcodec decode c.lic bad.lic -t")
    assert (screen.status, told.count("\n")) == (3, 3)


def test_names_that_would_meet(screen: Screen) -> None:
    Image.fromarray(picture(16, 16)).save(screen.folder / "b.png")
    screen("lcodec encode b.jpg b.png -o out")
    assert screen.made() == ["b.png", "out/b.jpg.lic", "out/b.png.lic"]


def test_an_input_is_never_an_output(screen: Screen) -> None:
    data = (screen.folder / "c.lic").read_bytes()
    for name in ("d", "d.png"):  # .lic files, whatever they are called
        (screen.folder / name).write_bytes(data)
    told = screen("lcodec decode -f d d.png c.lic -o .")
    assert screen.status == 2
    assert "lcodec: d.png: is both an input and an output\n" in told
    assert (screen.folder / "d.png").read_bytes() == data


def test_batch_of_files_and_folders(screen: Screen) -> None:
    (screen.folder / "in" / "deep").mkdir(parents=True)
    Image.fromarray(picture(16, 16)).save(screen.folder / "in" / "deep" / "d.png")
    assert screen("lcodec batch a.png b.jpg out/ -j 1").startswith("a.png and 1 more: 2 encoded; ")
    assert screen.made() == ["in/deep/d.png", "out/a.lic", "out/b.lic"]
    Image.fromarray(picture(16, 16)).save(screen.folder / "in" / "deep" / "d.png")
    screen("lcodec batch in a.png -o out -j 1 --threads 1")
    assert screen.made() == ["in/deep/d.png", "out/a.lic", "out/in/deep/d.lic"]
    screen("lcodec batch --decode c.lic out -j 1 --format tif")
    assert screen.made() == ["out/c.tif"]
    Image.fromarray(picture(16, 16)).save(screen.folder / "in" / "deep" / "d.png")
    screen("lcodec in out")  # a folder is a batch
    assert screen.made() == ["in/deep/d.png", "out/deep/d.lic"]
    (screen.folder / "in" / "c.lic").write_bytes((screen.folder / "c.lic").read_bytes())
    screen("lcodec in out")
    assert screen.made() == ["in/c.lic", "out/c.png"]


@pytest.mark.parametrize(
    "line",
    [
        "in out -j 1",
        "./in/ out -n -j1",
        "-j 1 in out",
        "in -o out",
        "in out --manifest log.ndjson -q 5",
        "in out --engine local --base x",
        "in",
        "in/ -q 5",
        "in out --frob",
    ],
)
def test_a_folder_is_a_batch_with_any_of_its_options(line: str, screen: Screen) -> None:
    (screen.folder / "in").mkdir()
    assert habits.rewrite(line.split(), PROGRAM.commands) == ["batch", *line.split()]
    (screen.folder / "in" / "c.lic").touch()
    assert habits.rewrite(line.split(), PROGRAM.commands) == ["batch", "--decode", *line.split()]


def test_every_option_of_batch_is_understood_after_a_folder(screen: Screen) -> None:
    (screen.folder / "in").mkdir()
    for option, has_value in habits.options_of(PROGRAM.commands["batch"]).items():
        line = ["in", "out", option, *(["1"] if has_value else [])]
        assert habits.rewrite(line, PROGRAM.commands) == ["batch", *line]


def test_a_folder_without_a_destination(screen: Screen) -> None:
    (screen.folder / "in").mkdir()
    told = screen("lcodec in/")
    assert (screen.status, told) == (2, "lcodec: no DST given; usage: `lcodec batch in/ DST`\n")
    told = screen("lcodec in out --frob")
    assert told.startswith("lcodec: No such option: --frob") and "lcodec batch --help" in told
    told = screen("lcodec a.png x.lic -j 1")
    assert told.startswith("lcodec: No such option: -j") and "lcodec encode --help" in told


def test_help_and_version(screen: Screen) -> None:
    for line in ("-V", "--version", "version"):
        screen(line)
        assert (screen.status, screen.out) == (0, f"lcodec {__version__}\n")
    screen("help")
    whole = screen.out
    screen("--help")
    assert screen.out == whole
    for name in ("encode", "weights add"):
        screen(f"help {name}")
        assert screen.out.startswith(f"Usage: lcodec {name} ")


@pytest.mark.parametrize("command", ["encode a.tif", "encode a.tif --strips"])
def test_metadata_that_is_half_of_a_file(screen: Screen, command: str) -> None:
    from lcodec.picture import Metadata, Picture, save

    whole = Picture(picture(32, 32), metadata=Metadata(xmp=np.random.default_rng(0).bytes(9000)))
    save(whole, screen.folder / "a.tif")
    warning, _ = screen(f"lcodec {command}").splitlines()
    assert re.fullmatch(
        r"lcodec: warning: a.lic: metadata makes up # KB, # % of the file; `--strip` drops it",
        warning,
    )
    assert "warning" not in screen(f"lcodec {command} --strip -f")


def test_threads(screen: Screen) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        for line in ("encode a.png -o x.lic", "decode c.lic x.png", "compare a.png a.png"):
            torch.set_num_threads(2)
            screen(f"{line} --threads 1")
            assert (screen.status, torch.get_num_threads()) == (0, 1)
    finally:
        torch.set_num_threads(before)


def test_real_commands(screen: Screen) -> None:
    done = real("a.png", "b.jpg", "out/", cwd=screen.folder, COLUMNS="80")
    assert (done.status, done.out, done.err.count("\n")) == (0, b"", 3)
    data = io.BytesIO((screen.folder / "out" / "a.lic").read_bytes()).getvalue()
    done = real("-", "x.png", stdin=data, cwd=screen.folder)
    assert done.err.startswith("standard input")
    assert (done.status, screen.made()) == (0, ["out/a.lic", "out/b.lic", "x.png"])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("encode -q 5 a.png", "encode -q 5 a.png"),
        ("-q 5 encode a.png", "encode -q 5 a.png"),
        ("-fq5 -e3 encode a.png", "encode -fq5 -e3 a.png"),
        ("--quality=5 encode a.png", "encode --quality=5 a.png"),
        ("--json - bench --set x", "bench --json - --set x"),
        ("--model inspect encode a.png", "encode --model inspect a.png"),
        ("--html encode compare a.png b.png", "compare --html encode a.png b.png"),
        ("-q 5 - a.lic", "encode -q 5 - a.lic"),
        ("- a.tif", "decode - a.tif"),
        ("nowhere.jpeg", "encode nowhere.jpeg"),
        ("frob", "frob"),
        ("--frob", "--frob"),
        ("help repack", "repack --help"),
    ],
)
def test_rewritten(line: str, expected: str) -> None:
    assert habits.rewrite(line.split(), PROGRAM.commands) == expected.split()
