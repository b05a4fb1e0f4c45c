"""The manual names the keys of the JSON that commands print: all of them, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import lcodec
from lcodec.cli.main import run
from lcodec.library.shared import forget_codecs
from tests.conftest import ROOT
from tests.tinymodel import picture

CLOSED = frozenset(("stages", "settings", "header", "sections", "tiles", "metadata"))
"""Keys whose values have keys that are described in words, or elsewhere."""
COMMANDS = {
    "encode": ["encode {photo} {bad} -f -o {folder}", "encode {photo} {out} -f --strips"],
    "decode": [
        "decode {coded} {out}.png -f",
        "decode {cut} {out}.png -f --salvage",
        "decode {coded} {out}.png -f --strips",
    ],
    "inspect": ["inspect {coded}", "inspect {cut}"],
    "repack": ["repack {coded} {out} -f --model checkerboard"],
    "compare": ["compare {photo} {coded}"],
}
STATUS = {"decode {cut}": 11, "inspect {cut}": 4, "encode {photo} {bad}": 3}


@pytest.fixture
def files(
    tmp_path: Path, all_tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """Paths by name; a file of two tiles, and the same one cut off in the second."""
    pytest.importorskip("pyvips")
    monkeypatch.setenv("LCODEC_MODELS", str(all_tiny_models))
    forget_codecs()
    paths = {name: tmp_path / name for name in ("coded", "cut", "out", "folder")}
    paths["photo"], paths["bad"] = tmp_path / "photo.png", tmp_path / "bad.png"
    paths["bad"].write_bytes(b"no picture")
    paths["folder"].mkdir()
    Image.fromarray(picture(70, 300)).save(paths["photo"])
    data = lcodec.Codec("groupedmixer", device="cpu", tile_edge=256).encode(picture(70, 300))
    paths["coded"].write_bytes(data)
    paths["cut"].write_bytes(data[:-20])
    yield {name: str(path) for name, path in paths.items()}
    forget_codecs()


def keys(record: Any, closed: frozenset[str] = CLOSED) -> Iterator[str]:
    """The keys of a record and of those in it, but for values of ``closed`` ones."""
    if isinstance(record, list):
        for one in record:
            yield from keys(one, closed)
    elif isinstance(record, dict):
        for key, value in record.items():
            yield key
            if key not in closed:
                yield from keys(value, closed)


def told(command: str, start: str) -> set[str]:
    """Names in the paragraph of a command's section that begins with ``start``."""
    manual = (ROOT / "docs" / "CLI.md").read_text("utf-8")
    part = manual.partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    paragraph = part.partition(f"\n{start}")[2].partition("\n\n")[0]
    return set(re.findall(r"`(\w+)`", paragraph))


@pytest.mark.parametrize("command", COMMANDS)
def test_keys(command: str, files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    found = set()
    for line in COMMANDS[command]:
        words = [word.format(**files) for word in line.split()]
        status = next((code for begin, code in STATUS.items() if line.startswith(begin)), 0)
        assert run([*words, "--json"]) == status, line
        for record in capsys.readouterr().out.splitlines():
            elsewhere = {"lost_tiles"} if command == "inspect" else set()
            found |= set(keys(json.loads(record), CLOSED | elsewhere))
    if command == "inspect":  # its manual refers to that of decode
        found.add("partial_tiles")
    assert found == told(command, "JSON keys: ")


def test_keys_of_batches(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Those of stores and shards left aside."""
    found = set()
    for status, more in ((1, []), (0, ["--dry-run"])):
        words = ["batch", files["photo"], files["bad"], files["folder"], *more, "--json"]
        assert run(words) == status
        for record in capsys.readouterr().out.splitlines():
            found |= set(keys(json.loads(record)))
    manual = told("batch", "*Manifest and `--json`* have the same lines of JSON: ")
    others = {"source_etag", "output_etag", "pictures", "total_pixels", "spoilt"}
    assert others <= manual
    values = {"done", "skipped", "failed", "planned", "encode", "decode"}
    assert found == manual - others - values
