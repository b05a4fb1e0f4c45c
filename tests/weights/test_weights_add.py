"""``lcodec weights add``: a model that was replaced comes back, from wherever it is."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import lcodec
from lcodec import weights
from lcodec.cli.main import run
from lcodec.errors import WeightsError
from lcodec.weights import places
from tests.tinymodel import picture
from tests.weights.conftest import Server, assert_decodes
from tests.weights.tinyhistory import TinyHistory, make_wheel

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def nowhere(monkeypatch: Patch, tmp_path: Path, history: TinyHistory) -> None:
    """Let the program be an installed one: no checkout, the later model beside it."""
    package = tmp_path / "site" / "lcodec"
    shutil.copytree(history.repository / "models", package / "models")
    shutil.copy(history.repository / "weights.lock", package)
    monkeypatch.setattr(places, "__file__", str(package / "weights" / "places.py"))


def named_command(message: str) -> list[str]:
    """The words of the ``lcodec`` command in an error message, without ``lcodec``."""
    found = re.search(r"get it: `lcodec ([^`]+)`", message)
    assert found, message
    return shlex.split(found[1])


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
        (["12345678"], 6, "no released model has this id; see `lcodec weights list --released`"),
        (["Some-model@1234ABCD"], 6, "no released model has this id"),
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
