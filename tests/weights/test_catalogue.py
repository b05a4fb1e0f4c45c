"""The catalogue of released models has all of them, as they were."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from lcodec.errors import WeightsError
from lcodec.weights.catalogue import (
    CATALOGUE,
    Released,
    find_released,
    format_catalogue,
    parse_catalogue,
    read_catalogue,
)
from lcodec.weights.lock import LockedFile, read_lock
from tests.conftest import ROOT
from tools import catalogue as tool

FIRST_COMMIT = "70827463341d70035726957459119e06abcc6c86"
"""The one that released the first weights; a clone without it is not whole."""


def whole_history() -> bool:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return False
    command = ["git", "-C", str(ROOT), "merge-base", "--is-ancestor", FIRST_COMMIT, "HEAD"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_history = pytest.mark.skipif(not whole_history(), reason="needs a clone with all history")


@needs_history
def test_every_model_of_the_history_is_there() -> None:
    """Written here anew, from what the locks and configurations of the time say."""
    known = {entry.model_id: entry for entry in read_catalogue()}
    found = set()
    for commit, read in tool.releases():
        for model_id, name, _, files in tool.models_in(read):
            entry = known[model_id]
            assert (entry.name, entry.files) == (name, files), model_id
            if model_id not in found and entry.commit is not None:
                assert entry.commit == commit, f"{model_id}: `python tools/catalogue.py` mends it"
            found.add(model_id)
    at_hand = {model_id for model_id, *_ in tool.models_in(lambda p: (ROOT / p).read_text("utf-8"))}
    assert found | at_hand == set(known)
    assert {entry.model_id for entry in known.values() if entry.commit is None} <= at_hand
    assert len(found) >= 28


@needs_history
def test_the_tool_leaves_a_whole_catalogue_as_it_is() -> None:
    entries = read_catalogue()
    assert tuple(tool.completed(entries)) == entries
    # From nothing it comes to the same ones.
    ids = [entry.model_id for entry in tool.completed(())]
    assert ids == [entry.model_id for entry in entries]
    assert format_catalogue(entries) == CATALOGUE.read_text("utf-8")


@needs_history
def test_the_tool_refuses_an_id_with_other_files() -> None:
    first, *others = read_catalogue()
    changed = Released(first.model_id, first.name, 1, first.version, first.commit, first.files[1:])
    with pytest.raises(ValueError, match="differ from those"):
        tool.completed((changed, *others))


def test_models_at_hand_are_in_the_catalogue() -> None:
    locked = set(read_lock(ROOT / "weights.lock"))
    listed = {file for entry in read_catalogue() for file in entry.files}
    assert locked <= listed


@needs_history
def test_a_generation_is_a_set_of_transforms_with_their_scale() -> None:
    entries = read_catalogue()
    numbers = {entry.model_id: entry.generation for entry in entries}
    history = [read for _, read in tool.releases()]
    transforms = {
        (shared, numbers[model_id])
        for read in [*history, lambda path: (ROOT / path).read_text("utf-8")]
        for model_id, _, shared, _ in tool.models_in(read)
    }
    assert sorted(number for _, number in transforms) == list(range(1, len(transforms) + 1))
    assert len({shared for shared, _ in transforms}) == len(transforms)
    first_seen = list(dict.fromkeys(entry.generation for entry in entries))
    assert first_seen == sorted(first_seen)


def test_an_entry_survives_writing_and_reading() -> None:
    files = (LockedFile("a", "models/a/x", 3, "0" * 64), LockedFile("b", "models/b/y", 0, "1" * 64))
    entries = (
        Released("00000001", "a", 1, "0.1.0", "f" * 40, files),
        Released("00000002", "a", 2, "0.2.0", None, files[:1]),
    )
    assert parse_catalogue(format_catalogue(entries)) == entries
    assert parse_catalogue(format_catalogue([])) == ()
    assert entries[0].size == 3
    assert entries[0].reference == "a@00000001"


ENTRY = """[[model]]
id = "00000001"
name = "a"
generation = 1
version = "0.1.0"
files = [{ path = "models/a/x", size = 3, sha256 = "%s" }]
""".replace("%s", "0" * 64)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[model", "not valid TOML"),
        ("model = 3", "not an array"),
        (ENTRY + ENTRY, "id 00000001 is listed twice"),
        (ENTRY.replace('id = "00000001"\n', ""), "model 1: `id` is missing"),
        (ENTRY.replace("generation = 1", 'generation = "1"'), "`generation`"),
        (ENTRY.replace('name = "a"', 'name = "../a"'), "model 1: .*cannot be the name"),
        (ENTRY.replace("models/a/x", "models/a/../x"), "model 1: .*not inside"),
        (ENTRY.replace("models/a/x", "/etc/passwd"), "model 1"),
        (ENTRY.replace("size = 3", "size = -3"), "negative"),
        (ENTRY.replace('version = "0.1.0"', 'version = "0.1.0"\ncommit = 3'), "`commit`"),
    ],
)
def test_bad_catalogues(text: str, words: str) -> None:
    assert len(parse_catalogue(ENTRY)) == 1
    with pytest.raises(WeightsError, match=words):
        parse_catalogue(text)


def test_ids_that_were_never_released() -> None:
    assert find_released("00000000") is None
    entry = find_released("528d9541")
    assert entry is not None
    assert str(entry) == "`groupedmixer` of generation 4 (lcodec 0.1.0)"
