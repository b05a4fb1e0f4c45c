"""Comparisons of models read back from their files, and in the documents."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from lcodec.bench.comparemodels import Comparison, ModelFigures, peak_memory
from lcodec.bench.modelreport import describe, markdown, print_comparison
from lcodec.errors import InputError
from tools import results

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


def test_one_picture_is_not_said_to_be_several() -> None:
    tree = comparison()
    assert describe(tree).startswith("1 picture at quality 20, 70; ")
    tree.pictures = ("a.png", "b.png")
    assert describe(tree).startswith("2 pictures at quality ")


def test_every_quality_has_its_column() -> None:
    tree = comparison()
    tree.of("fast").bytes_by_quality = {20: 190, 70: 710}
    lines = markdown(tree).splitlines()
    assert lines[0].startswith("| model | bytes | q 20 | q 70 | to estimate |")
    assert lines[3].startswith("| fast | -10.00 % | -5.00 % | -11.25 % | +1.27 % |")
    assert len({line.count("|") for line in lines[:4]}) == 1


@pytest.mark.parametrize(("width", "columns"), [(20, 2), (60, 5), (80, 7), (200, 13)])
def test_the_screen_shows_the_columns_that_fit(width: int, columns: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    print_comparison(comparison(), console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    (line,) = [line for line in text.splitlines() if "fast" in line]
    assert line.count("│") == columns + 1 and "…" not in text
    said = " ".join(text.partition("not shown: ")[2].split())
    assert len(said.partition(";")[0].split(", ")) == max(1, 13 - columns)
    assert bool(said) == (columns < 13)
    assert ("decode" in said) == (width < 60)  # the last to go


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
    rows = results.short_table(comparison()).splitlines()[2:]
    assert rows[0] == "| checkerboard | +0.00 % | 28.4 | 16 | 1.00 x | 1.00 x |"
    assert rows[1] == "| fast | -10.00 % | 28.4 | 16 | 3.00 x | 3.00 x |"


def test_ablations_have_no_times() -> None:
    lines = results.ablation_table(comparison()).splitlines()
    assert lines[0] == "| model | bytes | q 20 | q 70 | parameters | kMAC/px | steps |"
    assert lines[3] == "| fast | -10.00 % | -10.00 % | -10.00 % | 2.50 M | 28.4 | 16 |"


def test_cards_say_what_training_there_was(tmp_path: Path) -> None:
    (tmp_path / "models" / "fast").mkdir(parents=True)
    sizes = {"entropy": {"slices": 8, "width": 192}}
    (tmp_path / "models" / "fast" / "config.json").write_text(json.dumps(sizes))
    for name, steps in (("first", 600), ("second", 800)):
        (tmp_path / name / "fast").mkdir(parents=True)
        run = {"steps": steps, "elapsed": 990.0, "options": {"fresh": False}}
        (tmp_path / name / "fast" / "run.json").write_text(json.dumps(run))
    folder, runs = tmp_path / "models", [tmp_path / "first", tmp_path / "second"]
    assert results.write_cards(comparison(), runs, folder) == ["fast"]
    text = (folder / "fast" / "README.md").read_text("utf-8")
    assert "MEM++" in text and "slices 8, width 192" in text
    assert "1400 steps, 33 minutes" in text and "-10.00 % bytes against checkerboard" in text
