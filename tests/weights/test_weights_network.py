"""Models from servers: those that fail, are of no use, or are not there."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from lcodec.cli.main import run
from lcodec.weights import fetch
from tests.weights.conftest import Server, assert_decodes
from tests.weights.tinyhistory import TinyHistory, make_wheel

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def test_a_broken_connection_is_tried_again(
    history: TinyHistory, data: Path, server: Server
) -> None:
    server.broken = 2
    words = ["weights", "add", server.address, "--model", history.earlier.model_id]
    assert run([*words, "--quiet"]) == 0
    assert len(server.asked) == len(history.earlier.files) + 2


def test_a_server_that_is_of_no_use(
    history: TinyHistory, data: Path, server: Server, capsys: Capture
) -> None:
    words = ["weights", "add", "--model", history.earlier.model_id]
    assert run([*words, f"{server.address}/elsewhere"]) == 6
    assert "404 Not Found" in capsys.readouterr().err
    assert len(server.asked) == 1
    path = server.root / str(history.earlier.commit) / history.earlier.files[0].path
    path.write_bytes(bytes(path.stat().st_size + 1))
    assert run([*words, server.address]) == 6
    assert "larger than it should be" in capsys.readouterr().err
    server.broken = 1000
    assert run([*words, server.address]) == 6
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not data.exists() or not list(data.iterdir())


def test_without_a_network(
    history: TinyHistory, data: Path, server: Server, capsys: Capture
) -> None:
    server.server_close()
    assert run(["weights", "add", server.address, "--model", history.earlier.model_id]) == 6
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].endswith("cannot be fetched: Connection refused"), lines


def test_certificates_that_are_not_there(
    history: TinyHistory, data: Path, server: Server, monkeypatch: Patch, capsys: Capture
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.root / "none.pem"))
    safe = server.address.replace("http:", "https:")
    for words in ([safe, "--model", history.earlier.model_id], [f"{safe}/a.whl"]):
        assert run(["weights", "add", *words]) == 6
        line = capsys.readouterr().err
        assert line.startswith(f"lcodec: {words[0]}") and "TLS CA certificate bundle" in line
        assert len(line.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_no_room_for_a_wheel(
    history: TinyHistory, data: Path, server: Server, monkeypatch: Patch, capsys: Capture
) -> None:
    make_wheel(history.folder / "models", server.root / "a.whl")

    def full(name: str, mode: str) -> io.BufferedWriter:
        return io.BufferedWriter(io.FileIO("/dev/full", mode.replace("b", "")))

    monkeypatch.setattr(fetch, "open", full, raising=False)
    assert run(["weights", "add", f"{server.address}/a.whl"]) == 8
    line = capsys.readouterr().err
    assert line.endswith("fetched.whl: cannot be written: No space left on device\n")


def test_a_wheel_from_an_address(
    history: TinyHistory, coded: Path, data: Path, server: Server, tmp_path: Path
) -> None:
    make_wheel(history.folder / "models", server.root / "lcodec-0.1.0-py3-none-any.whl")
    wheel = f"{server.address}/lcodec-0.1.0-py3-none-any.whl"
    assert run(["weights", "add", wheel, "--quiet"]) == 0
    assert server.asked == ["/lcodec-0.1.0-py3-none-any.whl"]
    assert_decodes(coded, tmp_path / "new.png")


def test_fetching_needs_an_extra(
    history: TinyHistory, data: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    assert run(["weights", "add", "https://example.org", "--model", "x"]) == 6
    assert "pip install 'lcodec[fetch]'" in capsys.readouterr().err
