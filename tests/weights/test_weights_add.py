"""``lcodec weights add``: a model that was replaced comes back, from wherever it is."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lcodec
from lcodec import weights
from lcodec.cli.main import run
from lcodec.errors import WeightsError
from lcodec.shared import forget_codecs
from lcodec.weights import catalogue, places
from tests.tinymodel import picture
from tests.weights.tinyhistory import NAME, TinyHistory, make_history, make_wheel

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

Capture = pytest.CaptureFixture[str]
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


def nowhere(monkeypatch: Patch, tmp_path: Path, history: TinyHistory) -> None:
    """Let the program be an installed one: no checkout, the later model beside it."""
    package = tmp_path / "site" / "lcodec"
    shutil.copytree(history.repository / "models", package / "models")
    shutil.copy(history.repository / "weights.lock", package)
    monkeypatch.setattr(places, "__file__", str(package / "weights" / "places.py"))


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


def named_command(message: str) -> list[str]:
    """The words of the ``lcodec`` command in an error message, without ``lcodec``."""
    found = re.search(r"get it: `lcodec ([^`]+)`", message)
    assert found, message
    return shlex.split(found[1])


def assert_decodes(coded: Path, out: Path) -> None:
    assert run(["decode", str(coded), str(out), "-f", "--quiet"]) == 0
    before = np.asarray(Image.open(coded.with_suffix(".png")))
    assert np.array_equal(np.asarray(Image.open(out)), before)


Prepare = Callable[[Patch, Path, TinyHistory, Server], None]


def from_checkout(monkeypatch: Patch, tmp_path: Path, history: TinyHistory, server: Server) -> None:
    pass


def from_folder(monkeypatch: Patch, tmp_path: Path, history: TinyHistory, server: Server) -> None:
    nowhere(monkeypatch, tmp_path, history)
    monkeypatch.setenv("LCODEC_WEIGHTS_FROM", str(history.folder))


def from_clone(monkeypatch: Patch, tmp_path: Path, history: TinyHistory, server: Server) -> None:
    nowhere(monkeypatch, tmp_path, history)
    monkeypatch.setenv("LCODEC_WEIGHTS_FROM", str(history.repository))


def from_wheel(monkeypatch: Patch, tmp_path: Path, history: TinyHistory, server: Server) -> None:
    nowhere(monkeypatch, tmp_path, history)
    wheel = make_wheel(history.folder / "models", tmp_path / "lcodec-0.1.0-py3-none-any.whl")
    monkeypatch.setenv("LCODEC_WEIGHTS_FROM", str(wheel))


def from_address(monkeypatch: Patch, tmp_path: Path, history: TinyHistory, server: Server) -> None:
    nowhere(monkeypatch, tmp_path, history)
    monkeypatch.setenv("LCODEC_WEIGHTS_FROM", server.address)


@pytest.mark.parametrize(
    "prepare", [from_checkout, from_folder, from_clone, from_wheel, from_address]
)
def test_the_command_that_the_error_names_gets_the_model(
    prepare: Prepare,
    history: TinyHistory,
    coded: Path,
    data: Path,
    server: Server,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: Patch,
) -> None:
    prepare(monkeypatch, tmp_path, history, server)
    out = tmp_path / "new.png"
    assert run(["decode", str(coded), str(out)]) == 6
    message = capsys.readouterr().err
    assert (
        "made with `groupedmixer` of generation 1 (lcodec 0.1.0), which is not at hand" in message
    )
    assert run(named_command(message)) == 0
    assert f"groupedmixer@{history.earlier.model_id}" in capsys.readouterr().err
    assert_decodes(coded, out)
    # The name alone means the later model still.
    current = weights.stated_id(weights.find_model("groupedmixer"))
    assert current == history.later.model_id
    assert [path.name for path in data.iterdir()] == [f"1-{history.earlier.model_id}"]


def test_without_any_source_a_clone_is_asked_for(
    history: TinyHistory,
    coded: Path,
    data: Path,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: Patch,
) -> None:
    nowhere(monkeypatch, tmp_path, history)
    out = tmp_path / "new.png"
    assert run(["decode", str(coded), str(out)]) == 6
    message = capsys.readouterr().err
    assert "where CLONE is a clone of lcodec's repository" in message
    words = [str(history.repository) if w == "CLONE" else w for w in named_command(message)]
    assert run(["weights", "add", history.earlier.model_id]) == 6
    assert "LCODEC_WEIGHTS_FROM" in capsys.readouterr().err
    assert run(words) == 0
    assert_decodes(coded, out)


def test_everything_tells_how_to_get_the_model(
    history: TinyHistory, coded: Path, data: Path, capsys: Capture, tmp_path: Path
) -> None:
    told = f"get it: `lcodec weights add {history.earlier.model_id}`"
    assert run(["inspect", str(coded)]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "weights" in line)
    assert "groupedmixer of generation 1 (lcodec 0.1.0), not at hand" in row
    assert told in row
    assert run(["inspect", "--json", str(coded)]) == 0
    record = json.loads(capsys.readouterr().out)["weights"]
    assert record == {
        "model": "groupedmixer",
        "generation": 1,
        "version": "0.1.0",
        "tune": None,
        "at_hand": False,
        "command": f"lcodec weights add {history.earlier.model_id}",
    }
    with pytest.raises(WeightsError, match=told):
        lcodec.decode(coded.read_bytes())
    lcodec.register_pillow()
    with Image.open(coded) as image, pytest.raises(OSError, match=told):
        image.load()
    assert run(["repack", str(coded), str(tmp_path / "new.lic"), "--model", "groupedmixer"]) == 6
    assert told in capsys.readouterr().err
    assert run(["batch", "--decode", str(coded.parent), str(tmp_path / "out")]) == 1
    assert told in capsys.readouterr().err
    assert run(["weights", "add", history.earlier.model_id, "--quiet"]) == 0
    assert run(["inspect", str(coded)]) == 0
    assert (
        "groupedmixer of generation 1 (lcodec 0.1.0), tune psnr, at hand" in capsys.readouterr().out
    )


def test_an_earlier_model_can_still_be_encoded_with(
    history: TinyHistory, data: Path, tmp_path: Path
) -> None:
    name = f"groupedmixer@{history.earlier.model_id}"
    assert run(["weights", "add", history.earlier.model_id, "--quiet"]) == 0
    assert weights.find_model(name).place.added == history.earlier.model_id
    assert lcodec.inspect(lcodec.encode(picture(40, 40), model=name))["header"]["model_id"] == (
        history.earlier.model_id
    )
    # Models offered and compared are those over the transforms that most share.
    assert weights.coding_models() == ["groupedmixer"]
    assert weights.comparable_models() == ["groupedmixer"]


@pytest.mark.parametrize("kind", ["folder", "wheel", "clone", "address"])
@pytest.mark.parametrize("name", ["groupedmixer/entropy.safetensors", "transforms/config.json"])
def test_a_tampered_source_is_refused_and_leaves_nothing(
    kind: str,
    name: str,
    history: TinyHistory,
    data: Path,
    server: Server,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: Patch,
) -> None:
    folder = tmp_path / "tampered"
    shutil.copytree(history.folder, folder)
    served = server.root / str(history.earlier.commit)
    for root in (folder, served):
        path = root / "models" / name
        damaged = bytearray(path.read_bytes())
        damaged[-3] ^= 1
        path.write_bytes(damaged)
    source = {
        "folder": [str(folder)],
        "wheel": [str(make_wheel(folder / "models", tmp_path / "tampered.whl"))],
        "clone": [str(commit_again(folder)), "--git", "HEAD"],
        "address": [server.address, "--model", history.earlier.model_id],
    }[kind]
    assert run(["weights", "add", *source]) == 6
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert name in lines[0]
    assert not data.exists() or not list(data.iterdir())


def commit_again(folder: Path) -> Path:
    from tests.weights.tinyhistory import git

    git(folder, "init", "--quiet")
    git(folder, "add", "models")
    git(folder, "commit", "--quiet", "-m", "Tampered")
    return folder


def test_nothing_but_the_files_of_the_catalogue_comes(
    history: TinyHistory, data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "more"
    shutil.copytree(history.folder, folder)
    (folder / "models" / "groupedmixer" / "weights.pkl").write_bytes(b"cos\nsystem\n")
    assert run(["weights", "add", str(folder), "--quiet"]) == 0
    place = data / f"1-{history.earlier.model_id}"
    files = sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file())
    assert files == ["models/groupedmixer/config.json", "models/groupedmixer/entropy.safetensors",
                     "models/transforms/config.json", "models/transforms/transforms.safetensors",
                     "weights.lock"]  # fmt: skip


def test_all_or_nothing(history: TinyHistory, data: Path, tmp_path: Path, capsys: Capture) -> None:
    """A model that no catalogue has is not taken, and neither are those beside it."""
    folder = tmp_path / "own"
    shutil.copytree(history.folder, folder)
    shutil.copytree(folder / "models" / "groupedmixer", folder / "models" / "mine")
    config = folder / "models" / "mine" / "config.json"
    config.write_text(config.read_text().replace(history.earlier.model_id, "00c0ffee"))
    assert run(["weights", "add", str(folder)]) == 6
    assert "model 00c0ffee is not in the catalogue" in capsys.readouterr().err
    assert not data.exists()
    assert run(["weights", "add", str(folder), "--model", history.earlier.model_id]) == 0
    assert run(["weights", "add", str(folder), "--model", "groupedmixer", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["id"], record["fresh"]) == (history.earlier.model_id, False)


def test_a_damaged_copy_is_found_and_replaced(
    history: TinyHistory, coded: Path, data: Path, tmp_path: Path, capsys: Capture
) -> None:
    model = history.earlier.model_id
    assert run(["weights", "add", model, "--quiet"]) == 0
    path = data / f"1-{model}" / "models" / "transforms" / "transforms.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert run(["weights", "verify", f"groupedmixer@{model}"]) == 6
    assert re.search(r"transforms/transforms.safetensors +\d+  wrong size", capsys.readouterr().out)
    assert run(["decode", str(coded), str(tmp_path / "new.png")]) == 6
    assert run(["weights", "add", model, "--quiet"]) == 0
    assert run(["weights", "verify"]) == 0
    assert_decodes(coded, tmp_path / "new.png")
    assert [one.name for one in data.iterdir()] == [f"1-{model}"]


def test_a_folder_that_cannot_be_written(history: TinyHistory, data: Path, capsys: Capture) -> None:
    data.parent.mkdir(parents=True)
    data.write_text("in the way")
    assert run(["weights", "add", history.earlier.model_id]) == 8
    assert f"{data}: the folder cannot be created" in capsys.readouterr().err


def test_what_was_released_is_listed(history: TinyHistory, data: Path, capsys: Capture) -> None:
    assert run(["weights", "list", "--released"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    commits = [str(one.commit)[:10] for one in (history.earlier, history.later)]
    assert rows[1:] == [
        [history.earlier.model_id, "groupedmixer", "1", "0.1.0", commits[0]],
        [history.later.model_id, "groupedmixer", "2", "0.1.0", commits[1], "at", "hand"],
    ]
    assert run(["weights", "list", "--released", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["at_hand"] for record in records] == [False, True]
    assert records[0]["bytes"] == history.earlier.size


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["nothing-there"], 6, "no such file or folder"),
        (["{empty}"], 6, "no models there"),
        (["{file}"], 6, "neither a folder of models nor a wheel"),
        (["{file}", "--git", "HEAD"], 2, "needs the folder of a clone"),
        (["{empty}", "--git", "HEAD"], 6, "no commit HEAD there"),
        (["{clone}", "--git", "--help"], 6, "no commit --help there"),
        (["{clone}", "--model", "serial"], 6, "no model `serial` there"),
        (["{id}", "--model", "groupedmixer"], 2, "do not apply"),
        (["http://127.0.0.1:1"], 6, "by its id: `--model ID`"),
    ],
)
def test_sources_that_cannot_be_one(
    words: list[str],
    status: int,
    told: str,
    history: TinyHistory,
    data: Path,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("text")
    known = {
        "empty": tmp_path / "empty",
        "file": tmp_path / "file",
        "clone": history.repository,
        "id": history.earlier.model_id,
    }
    assert run(["weights", "add", *(word.format(**known) for word in words)]) == status
    assert told in capsys.readouterr().err
    assert not data.exists()


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
    assert len(lines) == 1 and "Connection refused" in lines[0], lines


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


def test_the_data_folder(monkeypatch: Patch, tmp_path: Path, capsys: Capture) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    usual = tmp_path / ".local" / "share"
    for chosen, folder in (
        (str(tmp_path / "data"), tmp_path / "data"),
        ("", usual),
        ("relative", usual),
    ):
        monkeypatch.setenv("XDG_DATA_HOME", chosen)
        assert places.added_folder() == folder / "lcodec" / "weights"
        assert run(["desktop", "install", "--quiet"]) == 0
        assert run(["desktop", "remove"]) == 0
        assert str(folder / "applications" / "lcodec.desktop") in capsys.readouterr().err


@pytest.mark.usefixtures("data")
def test_a_user_without_a_home(history: TinyHistory, monkeypatch: Patch, capsys: Capture) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("LCODEC_MODELS", "~no-such-user/models")
    for words in (["desktop", "install"], ["weights", "add", history.earlier.model_id]):
        assert run(words) == 8
        (line,) = capsys.readouterr().err.splitlines()
        assert line == "lcodec: the user has no home folder; XDG_DATA_HOME may name one"
    assert run(["weights", "list"]) == 0  # of those that are not added
