"""A repository with an earlier model, a file made with it, and a server that has the model."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lcodec
from lcodec.cli.main import run
from lcodec.library.shared import forget_codecs
from lcodec.weights import catalogue, places
from tests.tinymodel import picture
from tests.weights.tinyhistory import NAME, TinyHistory, make_history

Patch = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> TinyHistory:
    return make_history(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def coded(history: TinyHistory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file made with the earlier model, and beside it the decoded picture."""
    path = tmp_path_factory.mktemp("coded") / "old.lic"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LCODEC_MODELS", str(history.folder / "models"))
        forget_codecs()
        path.write_bytes(lcodec.encode(picture(40, 60), quality=50, model=NAME))
        lcodec.decode(path.read_bytes()).to_image().save(path.with_suffix(".png"))
        forget_codecs()
    return path


@pytest.fixture
def data(tmp_path: Path, history: TinyHistory, monkeypatch: Patch) -> Iterator[Path]:
    """The folder of added models of a program that runs from a checkout with the later model."""
    monkeypatch.setattr(
        places, "__file__", str(history.repository / "lcodec" / "weights" / "places.py")
    )
    monkeypatch.setattr(catalogue, "CATALOGUE", history.catalogue)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("LCODEC_MODELS", raising=False)
    forget_codecs()
    yield tmp_path / "data" / "lcodec" / "weights"
    forget_codecs()


class Server(ThreadingHTTPServer):
    """Serves files of a folder on the loopback device; ``broken`` answers are cut off first."""

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root, self.broken, self.asked = root, 0, list[str]()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        server.asked.append(self.path)
        path = server.root / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if server.broken:
            server.broken -= 1
            data = data[:7]
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, history: TinyHistory, monkeypatch: Patch) -> Iterator[Server]:
    """What a forge serves: the earlier model below its commit. Nobody waits between attempts."""
    pytest.importorskip("pooch")
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "served"
    shutil.copytree(history.folder / "models", root / str(history.earlier.commit) / "models")
    server = Server(root)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def assert_decodes(coded: Path, out: Path) -> None:
    assert run(["decode", str(coded), str(out), "-f", "--quiet"]) == 0
    before = np.asarray(Image.open(coded.with_suffix(".png")))
    assert np.array_equal(np.asarray(Image.open(out)), before)
