"""``lcodec weights list`` and ``verify``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lcodec.cli.main import run

from .command import MODEL_ID, ROOT, hollow_model

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the model ``mine``, which has one file."""
    models = hollow_model(tmp_path, "mine")
    monkeypatch.setenv("LCODEC_MODELS", str(models))
    return models / "mine"


def test_list(folder: Path, capsys: Capture) -> None:
    size = (folder / "config.json").stat().st_size
    assert run(["weights", "list"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["model", "id", "size", "state", "folder"]
    assert ["mine", MODEL_ID.hex(), f"{size:,}", "bytes", "complete", str(folder)] in rows
    assert run(["weights", "list", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {
        "model": "mine",
        "files": ["config.json"],
        "missing": [],
        "bytes": size,
        "folder": str(folder.parent),
        "id": MODEL_ID.hex(),
    } in records
    (folder / "config.json").unlink()
    assert run(["weights", "list"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("mine ")]
    assert re.fullmatch(rf"mine +- +{size} bytes  1 file missing +{re.escape(str(folder))}", row)


@pytest.mark.parametrize(
    ("damage", "state"), [(" " * 3, "wrong size"), (None, "missing"), ("x" * 24, "wrong hash")]
)
def test_verify(damage: str | None, state: str, folder: Path, capsys: Capture) -> None:
    path = folder / "config.json"
    assert path.stat().st_size == 24
    assert run(["weights", "verify", "mine"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["model", "file", "bytes", "state", "path"]
    assert rows[1:] == [["mine", "config.json", "24", "ok", str(path)]]
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage)
    assert run(["weights", "verify", "mine", "--json"]) == 6
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "model": "mine",
        "file": "config.json",
        "bytes": 24,
        "state": state,
        "path": str(path),
    }
    assert printed.err == "lcodec: 1 of 1 files are missing or wrong\n"


@pytest.mark.parametrize("words", ["list", "list --released", "verify"])
def test_manual_has_the_keys(words: str, folder: Path, capsys: Capture) -> None:
    manual = (ROOT / "docs" / "CLI.md").read_text("utf-8")
    name, _, released = words.partition(" ")
    part = manual.partition(f"\n### weights {name}\n")[2].partition("\n### ")[0]
    (row,) = re.findall(r"^\| `--json` \|(.*)\|$", part, re.MULTILINE)
    plain, _, with_option = row.partition("--released")
    assert run(["weights", *words.split(), "--json"]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    told = re.findall(r"`(\w+)`", with_option if released else plain)
    assert [key for key in told if key != "ok"] == list(record)


def test_verify_of_an_unknown_model(folder: Path, capsys: Capture) -> None:
    assert run(["weights", "verify", "other"]) == 6
    assert "`other`: not found" in capsys.readouterr().err


def test_export_over_transforms_of_others_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run has transforms of its own, and the folder those that another model is over."""
    from lcodec.training import export
    from tests.tinymodel import tiny_codec, write_tiny_model

    models = write_tiny_model(tmp_path, kind="groupedmixer")
    monkeypatch.setattr(export, "load_run", lambda run: tiny_codec(seed=77))
    (tmp_path / "run").mkdir()
    arguments = ["weights", "export", str(tmp_path / "run"), "mine", "--models", str(models)]
    assert run(arguments) == 8
    assert capsys.readouterr().err == (
        f"lcodec: {models / 'transforms'}: holds other transforms or another scale, used by"
        " groupedmixer; name the new ones differently with `--transforms mine-transforms`, write to"
        " another folder with `--models DIR`, or replace them with `-f`\n"
    )
    assert run([*arguments, "--transforms", "mine-transforms"]) == 0
    assert capsys.readouterr().err.startswith(f"{tmp_path / 'run'} -> {models / 'mine'}: 4 files, ")
