"""Desktops: the pieces, with the real tools where they are there; and the man page."""

from __future__ import annotations

import configparser
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

import lcodec
from lcodec.cli.main import run
from lcodec.container import SIGNATURE
from lcodec.desktop import pieces
from lcodec.errors import Exit
from tests.cli.command import lic_file
from tests.cli.parsing import commands, options
from tests.tinymodel import picture

Capture = pytest.CaptureFixture[str]
COMMANDS = dict(commands())

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no freedesktop system")


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"needs {tool}")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with another program's file, after `install`."""
    folder = tmp_path / "share"
    (folder / "applications").mkdir(parents=True)
    (folder / "applications" / "other.desktop").write_text("")
    assert run(["desktop", "install", "--data", str(folder), "--quiet"]) == 0
    return folder


def installed(folder: Path) -> set[str]:
    return {*pieces.texts("")} & {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    }


def test_installed_and_removed(
    data: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert installed(data) == set(pieces.texts("")) and len(pieces.texts("")) == 5
    assert run(["desktop", "install", "--data", str(data)]) == 0  # once more
    assert str(data / "applications/lcodec.desktop") in capsys.readouterr().err
    assert run(["desktop", "remove", "--data", str(data)]) == 0
    assert capsys.readouterr().err.count(": removed\n") == 5
    assert installed(data) == set()
    assert (data / "applications" / "other.desktop").exists()
    monkeypatch.setenv("PATH", "")  # of databases that are not told, as nothing has changed
    assert run(["desktop", "remove", "--data", str(data)]) == 0
    assert capsys.readouterr().err == f"{data}: nothing of lcodec is installed here\n"


def test_where_the_users_data_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert run(["desktop", "install", "--quiet"]) == 0
    assert len(installed(tmp_path)) == 5
    assert capsys.readouterr().err.splitlines() == [
        f"lcodec: warning: `{tool}` is not installed, so the desktop may not notice at once"
        for tool in ("update-mime-database", "update-desktop-database")
    ]
    (tmp_path / "file").write_text("")
    assert run(["desktop", "install", "--data", str(tmp_path / "file")]) == 8


def test_the_pieces(data: Path) -> None:
    tree = ElementTree.parse(data / "mime/packages/lcodec.xml")
    space = {"m": "http://www.freedesktop.org/standards/shared-mime-info"}
    match = tree.find(".//m:match", space)
    assert match is not None
    assert match.attrib["value"].encode().decode("unicode_escape").encode("latin-1") == SIGNATURE
    for name, section in (
        ("applications/lcodec.desktop", "Desktop Entry"),
        ("thumbnailers/lcodec.thumbnailer", "Thumbnailer Entry"),
    ):
        entry = configparser.RawConfigParser()
        entry.read(data / name)
        assert entry[section]["MimeType"].rstrip(";") == pieces.MIME_TYPE
        start = " ".join(pieces.program())
        assert entry[section]["Exec"].startswith(f"{start} ")
        assert "@" not in (data / name).read_text()


def test_a_program_with_an_odd_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "program", lambda: ["/opt/100 %/lcodec"])
    texts = pieces.texts("")
    assert "Exec='/opt/100 %%/lcodec' view" in texts["applications/lcodec.desktop"]
    assert "TryExec=/opt/100 %/lcodec\n" in texts["thumbnailers/lcodec.thumbnailer"]


@needs("update-mime-database")
def test_the_type_is_known(data: Path) -> None:
    assert f"{pieces.MIME_TYPE}:*.lic" in (data / "mime" / "globs").read_text()
    assert SIGNATURE in (data / "mime" / "magic").read_bytes()
    assert run(["desktop", "remove", "--data", str(data), "--quiet"]) == 0
    assert pieces.MIME_TYPE not in (data / "mime" / "globs").read_text()


@needs("update-mime-database")
@needs("gio")
@pytest.mark.parametrize("name", ["a.lic", "no suffix"])
def test_the_type_is_found(name: str, data: Path, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(lic_file())
    environment = os.environ | {"XDG_DATA_HOME": str(data)}
    done = subprocess.run(
        ["gio", "info", "-a", "standard::content-type", str(path)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[-1] == pieces.MIME_TYPE
    if shutil.which("xdg-mime"):
        # Of the desktop that asks gio; the others ask file(1), which knows no user's types.
        done = subprocess.run(
            ["xdg-mime", "query", "filetype", str(path)],
            env=environment | {"XDG_CURRENT_DESKTOP": "GNOME", "DE": "gnome3"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == pieces.MIME_TYPE


@needs("file")
def test_magic_for_file(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(lic_file())
    magic = str(data / "lcodec" / "lcodec.magic")
    for flags, shown in (([], "lcodec picture, format 1."), (["--mime-type"], pieces.MIME_TYPE)):
        done = subprocess.run(
            ["file", "-m", magic, "-b", *flags, str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith(shown)
        assert done.stderr == ""


@needs("desktop-file-validate")
def test_application_is_valid(data: Path) -> None:
    subprocess.run(["desktop-file-validate", data / "applications/lcodec.desktop"], check=True)


@pytest.mark.usefixtures("tiny_model")
def test_thumbnails(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path, output = tmp_path / "a.lic", tmp_path / "thumbnail"
    path.write_bytes(lcodec.encode(picture(80, 200), device="cpu"))
    assert run(["desktop", "thumbnail", "64", str(path), str(output)]) == 0
    with Image.open(output) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (64, 26), "RGB")
    assert run(["desktop", "thumbnail", "500", str(path), str(output)]) == 0  # replaced
    with Image.open(output) as image:
        assert image.size == (200, 80)
    capfdbinary.readouterr()
    path.write_bytes(path.read_bytes()[:-9])
    assert run(["desktop", "thumbnail", "64", str(path), str(output)]) == 4
    assert run(["desktop", "thumbnail", "0", str(path), str(output)]) == 2
    assert run(["desktop", "thumbnail", "64", str(tmp_path / "no.lic"), str(output)]) == 3


@pytest.mark.usefixtures("tiny_model")
def test_thumbnails_of_files_without_end(tmp_path: Path, capsys: Capture) -> None:
    path, output = tmp_path / "a.lic", tmp_path / "thumbnail"
    path.write_bytes(lcodec.encode(picture(80, 200), device="cpu"))
    os.truncate(path, 60 << 30)
    assert run(["desktop", "thumbnail", "64", str(path), str(output)]) == 4
    assert "bytes of other data follow the end" in capsys.readouterr().err
    assert not output.exists()


def test_man_page_has_everything(capsys: Capture) -> None:
    assert run(["man"]) == 0
    text = capsys.readouterr().out
    plain = text.replace("\\-", "-").replace("\\(ga", "`").replace("\\(aq", "'")
    plain = re.sub(r"\\f[BR]", "", plain)
    for name, command in COMMANDS.items():
        part = plain.partition(f"\n.SS lcodec {name} ")[2].partition("\n.SS ")[0]
        assert part, name
        assert all(re.search(rf"(?<![\w-]){option}(?![\w-])", part) for option in options(command))
    for one in Exit:
        assert one.meaning in plain
    for line in text.splitlines():
        assert not line.startswith("'")
        assert re.match(r"\.(TH|SH|SS|TP|PP|B|I|RI|br)\b|[^.]", line), line


@needs("mandoc")
def test_man_page_is_sound(data: Path) -> None:
    page = data / pieces.MANUAL
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", str(page)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if "missing date" not in line]
    assert found == []


@needs("man")
def test_man_page_is_shown(data: Path) -> None:
    done = subprocess.run(
        ["man", "-l", str(data / pieces.MANUAL)],
        capture_output=True,
        text=True,
        env=os.environ | {"MANWIDTH": "80", "LC_ALL": "C.UTF-8"},
        check=True,
    )
    assert "lcodec encode IN... [OUT] [options]" in done.stdout
    assert io.StringIO(done.stderr).read() == ""
