"""``lcodec view``: the pages, who gets them, and what is decoded when."""

from __future__ import annotations

import http.client
import io
import os
import re
import shutil
import signal
import socket
import subprocess
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
from lcodec.cli.inspect import facts
from lcodec.cli.main import run
from lcodec.library.licforms import AnyFile
from lcodec.library.salvage import salvage
from lcodec.view import album as albums
from lcodec.view import page, preview
from lcodec.view.album import Album
from lcodec.view.server import Server
from tests.cli.command import TIMEOUT, command, environment
from tests.tinymodel import picture
from tests.view.conftest import EVIL

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("tiny_model")


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
    assert links(text) == [("prev", "0"), ("next", "2"), ("up", "../")]
    decoded = lcodec.decode(folder / "a.lic", device="cpu").pixels
    status, kind, data = get(f"{server.address}image/0")
    assert (status, kind) == (200, "image/png")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), decoded)
    status, kind, data = get(f"{server.address}thumbnail/0")
    assert (status, kind, Image.open(io.BytesIO(data)).size) == (200, "image/png", (256, 34))


def links(text: str) -> list[tuple[str, str]]:
    """Relation and target of the links to other files."""
    return re.findall(r'rel="(\w+)" href="([^"]*)"', text)


def test_of_a_damaged_file_what_is_left_is_shown_and_said_to_be_no_more(
    server: Server, folder: Path
) -> None:
    left = salvage((folder / "bad.lic").read_bytes(), device="cpu").decoded
    assert len(np.unique(left.pixels)) > 10
    status, kind, data = get(f"{server.address}image/2")
    assert (status, kind) == (200, "image/png")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), left.pixels)
    status, kind, data = get(f"{server.address}picture/2")
    text = data.decode()
    assert (status, kind) == (200, "text/html")
    assert "<dt>damaged</dt><dd>truncated" in text and "<dd>0 of 1 sound</dd>" in text
    assert links(text) == [("prev", "1"), ("up", "../")]
    assert get(f"{server.address}thumbnail/2")[0] == 422  # it would not say that it is damaged


@pytest.mark.parametrize("damage", [b"", b"no such file", None])
def test_a_file_that_cannot_be_shown_has_links_to_the_others(
    damage: bytes | None, server: Server, folder: Path
) -> None:
    data = (folder / "a.lic").read_bytes()
    # Two flipped bits of the only tile leave nothing.
    flipped = data[:-30] + bytes([data[-30] ^ 3]) + data[-29:]
    (folder / f"{EVIL}.lic").write_bytes(flipped if damage is None else damage)
    for place in ("picture/1", "image/1", "thumbnail/1"):
        status, kind, shown = get(server.address + place)
        assert (status, kind) == (422, "text/html")
        assert links(shown.decode()) == [("prev", "0"), ("next", "2"), ("up", "../")]
        assert EVIL not in shown.decode() and page.asset("view.js") in shown.decode()


def test_heads_are_those_of_the_pages(server: Server) -> None:
    for place in ("", "picture/0", "image/0", "thumbnail/2", "picture/9", "../"):
        answers = []
        for method in ("GET", "HEAD"):
            link = http.client.HTTPConnection("127.0.0.1", server.server_port)
            link.request(method, f"/{server.token}/{place}")
            answer = link.getresponse()
            heads = [(k, v) for k, v in answer.getheaders() if k != "Date"]
            answers.append((answer.status, heads, answer.read()))
            link.close()
        assert answers[0][:2] == answers[1][:2]
        assert answers[0][2] and not answers[1][2]


def test_thumbnails_have_no_words_beside_the_name() -> None:
    """Which is next to them; the script says of those that fail that there is none."""
    text = page.folder_page("title", ["a.lic", "b.lic"])
    assert text.count(' alt=""') == 2 and text.count(">a.lic<") == 1
    assert "no preview" not in text.partition("<script>")[0]


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

    def count(data: AnyFile, **options: Any) -> Image.Image:
        made.append(data)
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


def test_files_without_end_are_read_as_far_as_pictures_go(tmp_path: Path) -> None:
    data = lcodec.encode(picture(40, 300), device="cpu")
    for name, start in (("behind", data), ("hole", data[:-40]), ("zeros", b"")):
        path = tmp_path / f"{name}.lic"
        path.write_bytes(start)
        os.truncate(path, 60 << 30)
        album = Album([path], device="cpu")
        for show in (album.description, album.thumbnail):
            with pytest.raises(lcodec.FormatError):
                show(0)
        if name == "behind":
            assert Image.open(io.BytesIO(album.whole(0))).size == (300, 40)
        else:
            with pytest.raises(lcodec.FormatError):
                album.whole(0)


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


def test_pages_are_there_while_the_browser_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    answers = []

    def stay(address: str) -> None:
        """As a browser in a terminal, that has shown the page before it ends."""
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                answers.append(answer.status)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("webbrowser.open", stay)
    assert run(["view", str(folder), "--browser", "--quiet", "--device", "cpu"]) == 0
    assert answers == [200]


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
    for place, ready in (("picture/0", "300x40"), ("picture/2", "300x40")):
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

    def note(data: AnyFile, **options: Any) -> Image.Image:
        scales.append(options["scale"])
        return shown(data, **options)

    monkeypatch.setattr(preview, "shown", note)
    sizes = [preview.preview(data, side, max_pixels=12_000).size for side in (300, 150, 60, 20, 10)]
    assert sizes == [(300, 40), (150, 20), (60, 8), (20, 3), (10, 1)]
    assert scales == [1, 2, 4, 8, 16]
    with pytest.raises(lcodec.InputError, match="limit of 11999 pixels"):
        preview.preview(data, 10, max_pixels=11_999)
