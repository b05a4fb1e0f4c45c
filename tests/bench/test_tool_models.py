"""tools/model_results.py, and comparisons read back from their files."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from lcodec.bench.compare import Comparison, ModelFigures, peak_memory
from lcodec.bench.comparereport import markdown, print_comparison
from lcodec.errors import InputError
from tools import model_results

ROOT = Path(__file__).resolve().parents[2]


def comparison() -> Comparison:
    def model(name: str, kind: str, size: int, seconds: float) -> ModelFigures:
        return ModelFigures(
            name,
            kind,
            parameters=2_500_000,
            steps=16,
            mac_per_pixel=28_400.0,
            bytes=size,
            hyper_bytes=10,
            estimated_bits=7.9 * size,
            encode_seconds=seconds,
            decode_seconds=2 * seconds,
            bytes_by_quality={20: size // 5, 70: size - size // 5},
            peak_mib={1: 300.0},
        )

    models = [
        model("checkerboard", "checkerboard", 1000, 1.0),
        model("fast", "memplusplus", 900, 3),
    ]
    return Comparison("checkerboard", (20, 70), ("a.png",), models, {"cpu": "some"})


def test_a_comparison_survives_its_file() -> None:
    assert Comparison.from_json(comparison().to_json()) == comparison()


def test_every_quality_has_its_column() -> None:
    tree = comparison()
    tree.of("fast").bytes_by_quality = {20: 190, 70: 710}
    lines = markdown(tree).splitlines()
    assert lines[0].startswith("| model | bytes | q 20 | q 70 | to estimate |")
    assert lines[3].startswith("| fast | -10.00 % | -5.00 % | -11.25 % | +1.27 % |")
    assert len({line.count("|") for line in lines[:4]}) == 1


@pytest.mark.parametrize(("width", "columns"), [(60, 4), (200, 13)])
def test_the_screen_shows_the_columns_that_fit(width: int, columns: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    print_comparison(comparison(), console)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    (line,) = [line for line in lines if "fast" in line]
    assert line.count("│") == columns + 1 and "…" not in line
    assert ("columns more" in lines[-1]) == (columns < 13)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_peak_memory_is_that_of_the_other_process(tiny_model: Path) -> None:
    ballast = np.ones(1000 << 20, np.uint8)  # in this process
    assert 100 < peak_memory("groupedmixer", 1, "cpu") < 900 and ballast[-1]


@pytest.mark.parametrize("change", [{"schema": 9}, {"models": [{}]}, {"pictures": None}])
def test_other_files_are_refused(change: dict[str, object]) -> None:
    tree = json.loads(comparison().to_json()) | change
    with pytest.raises(InputError, match="comparison"):
        Comparison.from_json(json.dumps(tree))
    with pytest.raises(InputError):
        Comparison.from_json("no JSON")


def test_short_table_goes_by_size() -> None:
    rows = model_results.short_table(comparison()).splitlines()[2:]
    assert rows[0].startswith("| checkerboard | +0.00 % | 28.4 | 16 | 1.00 x | 1.00 x |")
    assert rows[1].startswith("| fast | -10.00 % | 28.4 | 16 | 3.00 x | 3.00 x |")


def test_ablations_have_no_times() -> None:
    lines = model_results.ablation_table(comparison()).splitlines()
    assert lines[0] == "| model | bytes | q 20 | q 70 | parameters | kMAC/px | steps |"
    assert lines[3] == "| fast | -10.00 % | -10.00 % | -10.00 % | 2.50 M | 28.4 | 16 |"


def test_cards_say_what_training_there_was(tmp_path: Path) -> None:
    (tmp_path / "models" / "fast").mkdir(parents=True)
    sizes = {"entropy": {"slices": 8, "width": 192}}
    (tmp_path / "models" / "fast" / "config.json").write_text(json.dumps(sizes))
    (tmp_path / "runs" / "fast").mkdir(parents=True)
    run = {"steps": 1400, "elapsed": 1980.0, "options": {"fresh": False}}
    (tmp_path / "runs" / "fast" / "run.json").write_text(json.dumps(run))
    folder = tmp_path / "models"
    assert model_results.write_cards(comparison(), tmp_path / "runs", folder) == ["fast"]
    text = (folder / "fast" / "README.md").read_text("utf-8")
    assert "MEM++" in text and "slices 8, width 192" in text
    assert "1400 steps, 33 minutes" in text and "-10.00 % bytes against checkerboard" in text


def test_documents_have_the_marks() -> None:
    for name, mark in (
        ("README.md", "models"),
        ("docs/models.md", "models"),
        ("docs/models.md", "ablations"),
    ):
        text = (ROOT / name).read_text("utf-8")
        changed = model_results.replaced(text, "what is new", mark)
        assert changed.count("what is new") == 1 and f"<!-- {mark} -->\nwhat is new" in changed
    with pytest.raises(SystemExit, match="not found"):
        model_results.replaced("no marks", "new")
