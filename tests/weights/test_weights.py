"""weights.lock, the search for models, and the checks of their files."""

from __future__ import annotations

import errno
import hashlib
import os
import tomllib
from pathlib import Path

import pytest

from lcodec import weights
from lcodec.errors import UsageError, WeightsError
from lcodec.weights import FileState
from lcodec.weights import places as weights_places
from lcodec.weights.lock import LockedFile, format_lock, lock_model, parse_lock, read_lock

HASH = hashlib.sha256(b"abc").hexdigest()


def store(root: Path, *, model: str = "mixer", data: bytes = b"abc", model_id: str = "") -> Path:
    """A folder of models with one model of two files, locked; returns the folder."""
    folder = root / "models" / model
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "net.safetensors").write_bytes(data)
    (folder / "config.json").write_text(f'{{"model_id": "{model_id}"}}')
    lock_model(root / "models", model)
    return root / "models"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Roots of the three places that are searched, all within the test's folder."""
    package = tmp_path / "checkout" / "lcodec"
    package.mkdir(parents=True)
    monkeypatch.setattr(weights_places, "__file__", str(package / "weights" / "places.py"))
    monkeypatch.setenv("LCODEC_MODELS", str(tmp_path / "chosen" / "models"))
    return [tmp_path / "chosen", package, package.parent]


def test_lock_survives_writing_and_reading() -> None:
    files = [
        LockedFile("b", "models/b/x.bin", 3, HASH),
        LockedFile("a", "models/a/deep/y.bin", 0, HASH),
    ]
    text = format_lock(files)
    assert parse_lock(text) == (files[1], files[0])
    assert tomllib.loads(text)["file"][0]["path"] == "models/a/deep/y.bin"
    assert format_lock(parse_lock(text)) == text
    assert parse_lock(format_lock([])) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": None}, "entry 1: `model` is missing"),
        ({"size": '"3"'}, "entry 1: `size` is missing or not a whole number"),
        ({"size": "true"}, "`size`"),
        ({"size": "-1"}, "negative"),
        ({"sha256": f'"{HASH.upper()}"'}, "SHA-256"),
        ({"sha256": '"abc"'}, "SHA-256"),
        ({"model": '"../a"'}, "cannot be the name"),
        ({"path": '"/etc/passwd"'}, "not inside models/a/"),
        ({"path": '"models/a/../../x"'}, "not inside models/a/"),
        ({"path": '"models/b/x"'}, "not inside models/a/"),
        ({"path": '"models/a"'}, "not inside models/a/"),
        ({"path": "'models/a/b\\c'"}, "not inside models/a/"),
    ],
)
def test_bad_lock_entries(change: dict[str, str | None], words: str) -> None:
    fields = {"model": '"a"', "path": '"models/a/x"', "size": "3", "sha256": f'"{HASH}"'} | change
    lines = [f"{key} = {value}" for key, value in fields.items() if value is not None]
    with pytest.raises(WeightsError, match=words):
        parse_lock("\n".join(["[[file]]", *lines]))


@pytest.mark.parametrize("text", ["[[file", "file = 3", "[file]\nmodel = 'a'"])
def test_bad_locks(text: str, tmp_path: Path) -> None:
    lock = tmp_path / "weights.lock"
    lock.write_text(text)
    with pytest.raises(WeightsError, match=str(lock)):
        read_lock(lock)


def test_file_listed_twice() -> None:
    text = format_lock([LockedFile("a", "models/a/x", 3, HASH)] * 2)
    with pytest.raises(WeightsError, match="models/a/x is listed twice"):
        parse_lock(text)


def test_a_lock_that_cannot_be_read(tmp_path: Path) -> None:
    lock = tmp_path / "weights.lock"
    try:
        lock.symlink_to(lock)
    except OSError:
        pytest.skip("needs links")
    with pytest.raises(WeightsError) as error:
        read_lock(lock)
    assert str(error.value) == f"{lock}: cannot be read: {os.strerror(errno.ELOOP)}"


def test_locking_a_model_keeps_the_others(tmp_path: Path) -> None:
    models = store(tmp_path, model="one")
    store(tmp_path, model="two")
    (models / "one" / "config.json").unlink()
    (models / "one" / "new.bin").write_bytes(b"12345")
    (models / "one" / ".part").write_bytes(b"unfinished")
    (models / "one" / "README.md").write_text("a model card")
    assert [file.name for file in lock_model(models, "one")] == [
        "new.bin",
        "parts/net.safetensors",
    ]
    locked = read_lock(tmp_path / "weights.lock")
    assert [(file.model, file.name) for file in locked] == [
        ("one", "new.bin"),
        ("one", "parts/net.safetensors"),
        ("two", "config.json"),
        ("two", "parts/net.safetensors"),
    ]
    assert (locked[1].size, locked[1].sha256) == (3, HASH)
    assert locked[1].located_in(models) == models / "one" / "parts" / "net.safetensors"
    with pytest.raises(WeightsError, match="no files"):
        lock_model(models, "three")


def test_files_are_found_and_checked(places: list[Path]) -> None:
    models = store(places[2])
    assert weights.read_model_files("mixer") == {
        "config.json": (models / "mixer" / "config.json").read_bytes(),
        "parts/net.safetensors": b"abc",
    }
    assert {check.state for check in weights.verify()} == {FileState.OK}


def test_places_are_searched_in_order(places: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for root in reversed(places):
        store(root)
        assert weights.find_model("mixer").place.folder == root / "models"
    assert weights.default_folder() == places[0] / "models"
    monkeypatch.delenv("LCODEC_MODELS")
    assert weights.find_model("mixer").place.folder == places[1] / "models"
    assert weights.default_folder() == places[1] / "models"


def test_incomplete_place_is_passed_over(places: list[Path]) -> None:
    first = store(places[0])
    store(places[2], data=b"second")
    (first / "mixer" / "config.json").unlink()
    assert weights.read_model_files("mixer")["parts/net.safetensors"] == b"second"


def test_missing_model_names_all_places(places: list[Path]) -> None:
    store(places[1], model="other")
    with pytest.raises(WeightsError) as caught:
        weights.read_model_files("mixer")
    message = str(caught.value)
    assert "`mixer`" in message
    for root in places:
        assert str(root / "models") in message
    assert "no weights.lock beside it" in message
    assert "not in weights.lock" in message
    assert "\n" not in message


def test_missing_file_is_named(places: list[Path]) -> None:
    models = store(places[2])
    (models / "mixer" / "parts" / "net.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"`mixer`: parts/net.safetensors is missing") as caught:
        weights.read_model_files("mixer")
    assert all(str(root / "models") in str(caught.value) for root in places)
    assert [file.name for file in weights.find_model("mixer").missing()] == [
        "parts/net.safetensors"
    ]
    states = {check.name: check.state for check in weights.verify()}
    assert states == {"config.json": FileState.OK, "parts/net.safetensors": FileState.MISSING}


@pytest.mark.parametrize(
    ("data", "state"), [(b"abd", FileState.WRONG_HASH), (b"abcd", FileState.WRONG_SIZE)]
)
def test_changed_file_is_refused(data: bytes, state: FileState, places: list[Path]) -> None:
    """Even if another place has the right one: taking that in silence would hide the damage."""
    store(places[2])
    models = store(places[0])
    (models / "mixer" / "parts" / "net.safetensors").write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        weights.read_model_files("mixer")
    message = str(caught.value)
    assert f"parts/net.safetensors is not the file that {places[0] / 'weights.lock'}" in message
    assert f"({state.value})" in message
    assert [check.state for check in weights.verify("mixer")] == [FileState.OK, state]


def test_models_are_listed_by_name(places: list[Path]) -> None:
    store(places[0], model="b")
    store(places[2], model="a")
    store(places[2], model="b")
    listed = weights.list_models()
    assert [(m.name, m.place.folder) for m in listed] == [
        ("a", places[2] / "models"),
        ("b", places[0] / "models"),
    ]
    assert listed[0].size == 3 + len('{"model_id": ""}')


def test_model_is_found_by_its_id(places: list[Path]) -> None:
    store(places[0], model="a", model_id="00000001")
    store(places[2], model="b", model_id="0a0b0c0d")
    assert weights.find_model_by_id(b"\x0a\x0b\x0c\x0d").name == "b"
    with pytest.raises(WeightsError, match=r"no model with id ffffffff: .* none of the 2 at hand"):
        weights.find_model_by_id(b"\xff" * 4)


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", "a b"])
def test_names_that_no_model_can_have(name: str) -> None:
    with pytest.raises(UsageError, match="name of a model"):
        weights.read_model_files(name)
