"""``lcodec view``: the pages, who gets them, and what is decoded when."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lcodec
from lcodec.cli import viewer
from lcodec.cli.inspect import facts
from lcodec.cli.main import run
from lcodec.view import album as albums
from lcodec.view import page, preview
from lcodec.view.album import Album
from lcodec.view.server import Server
from tests.cli.command import TIMEOUT, command, environment
from tests.tinymodel import picture

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("tiny_model")
EVIL = "<script>alert(1)<"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, one of them with a name that would be markup, and one that is damaged."""
    data = lcodec.encode(picture(40, 300), device="cpu")
    (tmp_path / "a.lic").write_bytes(data)
    (tmp_path / f"{EVIL}.lic").write_bytes(data)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "c.lic").write_bytes(data)
    (tmp_path / "bad.lic").write_bytes(data[:-30])
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    files = [folder / "a.lic", folder / f"{EVIL}.lic", folder / "bad.lic"]
    with Server(Album(files, device="cpu"), "Some <files>", facts) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def get(address: str, **headers: str) -> tuple[int, str, bytes]:
    """Status, media type and contents."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            assert answer.headers["Content-Security-Policy"] == page.policy()
            assert answer.headers["Cache-Control"] == "no-store"
            return answer.status, answer.headers.get_content_type(), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get_content_type(), error.read()


def test_pages_and_pictures(server: Server, folder: Path) -> None:
    status, kind, data = get(server.address)
    text = data.decode()
    assert (status, kind) == (200, "text/html")
    assert "Some &lt;files&gt;" in text
    assert EVIL not in text
    assert text.count('<img src="thumbnail/') == text.count('loading="lazy"') == 3
    status, kind, data = get(f"{server.address}picture/1")
    text = data.decode()
    assert (status, kind) == (200, "text/html")
    assert EVIL not in text
    assert "<dt>quality</dt><dd>75</dd>" in text
    assert 'src="../image/1" width="300" height="40"' in text
    assert re.findall(r'rel="(\w+)" href="([^"]*)"', text) == [
        ("prev", "0"),
        ("next", "2"),
        ("up", "../"),
    ]
    decoded = lcodec.decode(folder / "a.lic", device="cpu").pixels
    status, kind, data = get(f"{server.address}image/0")
    assert (status, kind) == (200, "image/png")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), decoded)
    status, kind, data = get(f"{server.address}thumbnail/0")
    assert (status, kind, Image.open(io.BytesIO(data)).size) == (200, "image/png", (256, 34))
    for place in ("picture/2", "image/2", "thumbnail/2"):
        status, kind, data = get(f"{server.address}{place}")
        assert (status, kind) == (422, "text/html")
        assert b"truncated" in data


def test_only_those_who_know_the_token_get_anything(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert len(server.token) >= 20
    base = server.address.removesuffix(f"{server.token}/")
    whole = f"{server.token}/"
    other = whole[:-3] + ("aa/" if whole[-3:] != "aa/" else "bb/")
    for place in ("", "favicon.ico", "picture/0", other, f"{other}image/0", "%2e%2e/", "\u00e4/"):
        assert get(base + urllib.parse.quote(place, safe="/%"))[0] == 404
    for place in ("picture/3", "picture/-1", "picture/0x1", "picture/", "a.lic", "../a.lic"):
        assert get(server.address + place)[0] == 404
    for place in ("picture/%C2%B2", f"picture/{'9' * 40}", "picture/0/", "thumbnail/0/1"):
        assert get(server.address + place)[0] == 404
    assert get(server.address, Host=f"evil.example:{server.server_port}")[0] == 404
    assert get(server.address, Host=f"localhost:{server.server_port}")[0] == 200
    with socket.create_connection(("127.0.0.1", server.server_port)) as link:
        link.sendall(b"nonsense\r\n\r\n")
        assert b"400" in link.recv(4096)


def test_decoded_when_asked_for_and_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    shown = preview.shown

    def count(data: bytes, **options: Any) -> Image.Image:
        made.append(len(data))
        return shown(data, **options)

    monkeypatch.setattr(preview, "shown", count)
    album = Album([folder / "a.lic", folder / "deep" / "c.lic"], device="cpu")
    album.description(0)
    assert made == []
    assert album.whole(0) == album.whole(0)
    assert album.thumbnail(1) == album.thumbnail(1)
    assert len(made) == 2
    monkeypatch.setattr(albums, "KEPT_BYTES", 1)
    album.whole(1)
    album.whole(0)
    assert len(made) == 4  # only the last is kept


def test_the_policy_allows_what_the_pages_have() -> None:
    text = page.folder_page("a", ["b"])
    for tag, name in (("style", "view.css"), ("script", "view.js")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert inside == page.asset(name)
    assert "http" not in page.asset("view.css") + page.asset("view.js")
    assert not re.search(r"\son\w+=", text)


def test_command_until_it_is_interrupted(folder: Path) -> None:
    words = command("view", folder, "--no-open", "--threads", "1", "--device", "cpu")
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    text = get(address)[2].decode()
    names = re.findall(r"<span>(.*?)</span>", text)
    assert names == ["&lt;script&gt;alert(1)&lt;.lic", "a.lic", "bad.lic", "deep/c.lic"]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert err.splitlines() == [
        "4 files shown at 127.0.0.1, for this machine only; Ctrl-C ends it",
        "ended",
    ]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the system's viewer writes what it shows; it cannot show c.png."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("xdg-open", "open"):
        (programs / name).write_text(
            '#!/bin/sh\necho "$1" >> "$LISTED"\ncase "$1" in */c.png) exit 3; esac\n'
        )
        (programs / name).chmod(0o755)
    monkeypatch.setenv("LISTED", str(tmp_path / "listed"))
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    return tmp_path / "listed"


def test_in_the_viewer_of_the_system(
    folder: Path,
    temporary: Path,
    listed: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    (folder / "b.lic").write_bytes((folder / "a.lic").read_bytes())
    files = [str(folder / "a.lic"), str(folder / "b.lic")]
    assert run(["view", *files, "--device", "cpu"]) == 0
    opened = listed.read_text().split()
    assert [Path(path).name for path in opened] == ["a.png", "b.png"]
    assert all(Path(path).is_relative_to(temporary) for path in opened)
    assert capsys.readouterr().err.splitlines() == [
        f"{source} -> {output}" for source, output in zip(files, opened, strict=True)
    ]
    decoded = lcodec.decode(folder / "a.lic", device="cpu").pixels
    assert np.array_equal(np.asarray(Image.open(opened[0])), decoded)
    monkeypatch.setenv("PATH", str(folder / "nowhere"))
    assert run(["view", files[0]]) == 2
    assert "to open pictures with; `--browser` shows a page" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "status", "kept"),
    [
        (["a.lic", "bad.lic"], 4, 0),
        (["deep/c.lic"], 1, 0),
        (["a.lic", "deep/c.lic"], 1, 1),  # the first may still be on its way to the screen
    ],
)
def test_pictures_that_no_viewer_shows_are_deleted(
    names: list[str],
    status: int,
    kept: int,
    folder: Path,
    temporary: Path,
    listed: Path,
    capsys: Capture,
) -> None:
    files = [str(folder / name) for name in names]
    assert run(["view", *files, "--device", "cpu", "--quiet"]) == status
    assert listed.exists() == (status == 1)
    assert len(list(temporary.iterdir())) == kept
    (line,) = capsys.readouterr().err.splitlines()
    assert files[-1] in line


def test_pictures_of_other_days_are_deleted(temporary: Path) -> None:
    for name in ("lcodec-view-old", "lcodec-view-new", "other-old"):
        (temporary / name).mkdir()
        (temporary / name / "a.png").touch()
    (temporary / "lcodec-view-link").symlink_to(temporary / "other-old")
    (temporary / "lcodec-view-file").touch()
    for path in temporary.iterdir():
        if not path.name.endswith("-new"):
            os.utime(path, (1, 1), follow_symlinks=False)
    viewer.new_folder().rmdir()
    left = {path.name for path in temporary.iterdir()}
    assert left == {"lcodec-view-new", "other-old", "lcodec-view-link", "lcodec-view-file"}
    assert (temporary / "other-old" / "a.png").exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="users of POSIX")
def test_pictures_of_other_users_are_theirs(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = temporary / "lcodec-view-old"
    theirs.mkdir()
    os.utime(theirs, (1, 1))
    monkeypatch.setattr(os, "getuid", lambda: theirs.stat().st_uid + 1)
    viewer.new_folder()
    assert theirs.exists()


def test_no_folder_for_pictures(
    folder: Path, listed: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(folder / "nowhere"))
    assert run(["view", str(folder / "a.lic")]) == 8
    assert "no folder for the pictures can be created" in capsys.readouterr().err


def test_on_windows_no_shell_sees_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(os, "startfile", opened.append, raising=False)
    monkeypatch.setattr(subprocess, "Popen", None)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        viewer.viewer()("a&calc.png")
    assert opened == ["a&calc.png"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["-"], 2, "standard input cannot"),
        (["nowhere.lic"], 3, "no such file or folder"),
        (["a.png", "--browser"], 4, "not a .lic file but a PNG picture"),
        (["empty", "--browser"], 3, "contains no .lic files"),
    ],
)
def test_mistakes(
    arguments: list[str],
    status: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    assert run(["view", *arguments]) == status
    assert words in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_in_a_real_browser(server: Server, tmp_path: Path) -> None:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'p'}"]
    flags += ["--virtual-time-budget=9000", "--dump-dom"]
    for place, ready in (("picture/0", "300x40"), ("picture/1", "300x40")):
        done = subprocess.run(
            [
                "chromium",
                *flags,
                "--virtual-time-budget=9000",
                "--dump-dom",
                server.address + place,
            ],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=True,
        )
        # The script has run, so the policy lets it; and the picture is there.
        assert f'data-ready="{ready}"' in done.stdout
        assert re.search(r"<output>\d+ %</output>", done.stdout)


def test_thumbnails_come_from_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    data = lcodec.encode(picture(40, 300), device="cpu")
    scales = []
    shown = preview.shown

    def note(data: bytes, **options: Any) -> Image.Image:
        scales.append(options["scale"])
        return shown(data, **options)

    monkeypatch.setattr(preview, "shown", note)
    sizes = [preview.preview(data, side, max_pixels=12_000).size for side in (300, 150, 60, 20, 10)]
    assert sizes == [(300, 40), (150, 20), (60, 8), (20, 3), (10, 1)]
    assert scales == [1, 2, 4, 8, 16]
    with pytest.raises(lcodec.InputError, match="limit of 11999 pixels"):
        preview.preview(data, 10, max_pixels=11_999)
