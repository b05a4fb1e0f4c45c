"""The tool that puts figures into the documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcodec.bench import run
from tests.bench.bench_fakes import FakeCodec, write_pictures
from tools import results


def test_only_what_lies_between_the_marks_changes() -> None:
    text = "before <!-- a -->\nold\n<!-- end of a --> after"
    assert results.replaced(text, "a", "new") == text.replace("old", "new")
    with pytest.raises(SystemExit, match="not found"):
        results.replaced(text, "b", "new")


@pytest.mark.parametrize(("mark", "name"), results.PLACES)
def test_documents_have_the_marks(mark: str, name: str) -> None:
    text = (results.ROOT / name).read_text("utf-8")
    changed = results.replaced(text, mark, "what is new")
    assert changed.count("what is new") == 1


def test_tables_hold_the_means(tmp_path: Path) -> None:
    write_pictures(tmp_path, {"a.png": (64, 80)})
    result = run(FakeCodec(), tmp_path, (20, 60))
    mean = result.means()[0]
    assert f"| 20 | {mean.bpp:.4f} | {mean.psnr:.2f} |" in results.bench_tables(result)
    assert "--quality 20,60" in results.bench_tables(result)


def test_speed_is_that_of_a_megapixel(tmp_path: Path) -> None:
    write_pictures(tmp_path, {"a.png": (64, 80), "b.png": (32, 40)})
    result = run(FakeCodec(), tmp_path, (20, 60))
    rows = [row for row in result.results if row.quality == 60]
    seconds = sum(row.decode_seconds for row in rows) / (64 * 80 + 32 * 40) * 1e6
    assert f"{seconds:.1f} s to decode, at quality 60" in results.speed(result)


def test_effort_table_has_times_relative_to_effort_0() -> None:
    plain = {"effort": 0, "bd_rate": 0.0, "encode_seconds": 0.5, "decode_seconds": 0.4}
    best = {"effort": 9, "bd_rate": -8.25, "encode_seconds": 20.0, "decode_seconds": 0.4}
    lines = results.effort_table([plain, best]).splitlines()
    assert lines[2:] == ["| 0 | +0.00 % | 1.0 x | 0.50 |", "| 9 | -8.25 % | 40.0 x | 20.00 |"]


def test_a_card_says_what_was_learnt_before() -> None:
    plain = {"fresh": False, "entropy": None}
    assert "what fits" in results.origin("groupedmixer", "groupedmixer", plain)
    fresh = plain | {"fresh": True}
    assert "hyper-synthesis" in results.origin("groupedmixer", "groupedmixer", fresh)
    assert "hyper-synthesis" in results.origin("serial", "serial", plain)
    own = plain | {"entropy": "models/serial"}
    assert "its own weights" in results.origin("serial", "serial", own)
    other = plain | {"entropy": "runs/groupedmixer"}
    large = results.origin("groupedmixer-large", "groupedmixer", other)
    assert "what fits" in large
