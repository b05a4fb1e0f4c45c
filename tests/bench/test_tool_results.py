"""The tool that puts figures into the documents."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lcodec.bench import run
from tests.bench.bench_fakes import FakeCodec, write_pictures
from tools import measured, results, visual_check

AGAIN = "run python -m tools.results --figures"


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


def test_the_readme_says_what_was_measured() -> None:
    readme = (results.ROOT / "README.md").read_text("utf-8")
    for mark, part in measured.readme_figures().items():
        assert results.replaced(readme, mark, part) == readme, AGAIN


def test_costs_follow_from_the_figures_of_the_readme() -> None:
    page = (results.ROOT / "docs" / "scale.md").read_text("utf-8")
    for mark, part in measured.scale_figures().items():
        assert results.replaced(page, mark, part) == page, AGAIN


def test_costs_of_a_million_pictures() -> None:
    speed = {
        "processor": "A B", "instructions": "AVX2", "quality": 75, "model": "m",
        "encode": {"total": 3.0}, "decode": {"total": 1.5, "range coder": 0.15},
    }  # fmt: skip
    readme = "<!-- results -->\n| 50 | 9.0 |\n<!-- visual -->\n| 50 | 0.2 | 4 |\n| 60 | 0.3 | 5 |\n"
    readme += "| 75 | 0.6667 | 7 |\n| 85 | 1.4 | 8 |\n<!-- end of visual -->\n| 60 | 9.0 |"
    told = measured.costs(speed, measured.visual_rates(readme))
    words = " ".join(told.split())
    assert words.startswith("Encoding takes 10000 core-hours, decoding 5000: 6.5 and 3.3 days on a")
    assert "9.8 and 4.9 hours on sixteen" in words and "3.00 and 1.50 s of one core" in words
    assert told.splitlines()[-4:] == [
        "| 50 | 0.2000 | 300 kB | 300 GB |",
        "| 60 | 0.3000 | 450 kB | 450 GB |",
        "| 75 | 0.6667 | 1.00 MB | 1.00 TB |",
        "| 85 | 1.4000 | 2.10 MB | 2.10 TB |",
    ]
    coder = " ".join(measured.coder_cost(speed).split())
    assert "it is 10 %: 1.8 s of a core" in coder and "500 core-hours for a million" in coder
    with pytest.raises(SystemExit, match="quality 50"):
        measured.costs(speed, {})


def test_speed_and_size_in_words() -> None:
    figures = {
        "processor": "A B", "instructions": "AVX2", "quality": 75, "model": "m",
        "encode": {"total": 1.24}, "start": {"total": 3.0, "import torch": 2.0},
        "decode": {"total": 2.0, "synthesis": 1.2, "range coder": 0.799, "alpha": 0.001},
    }  # fmt: skip
    assert "1.2 s of one core per megapixel to encode, 2.0 s to decode" in measured.speed(figures)
    assert "(A B with AVX2, quality 75)" in measured.speed(figures)
    assert "1.5 times as long as importing torch" in measured.speed(figures)
    told = measured.stages(figures)
    assert told.startswith("Decoding time: synthesis 60 %, range coder 40 % (A B")
    assert "alpha" not in told and "3.8 times" in " ".join(told.split())
    size = measured.size({"installed": 1.06e9, "installed_with_cuda": 5.55e9})
    assert "1.1 GB installed without CUDA, 5.5 GB with it" in size


def test_effort_table_has_times_relative_to_effort_0() -> None:
    plain = {"effort": 0, "ssimulacra2": 0.0, "ms_ssim": 0.0, "psnr": 0.0, "encode_seconds": 0.5}
    best = {"effort": 9, "ssimulacra2": -8.26, "ms_ssim": -3.0, "psnr": 1.5, "encode_seconds": 20.0}
    quick = plain | {"effort": -1, "ssimulacra2": 8.0, "encode_seconds": 0.2}
    del quick["ms_ssim"]  # as of small pictures
    lines = results.effort_table([quick, plain, best]).splitlines()
    assert lines[2:] == [
        "| -1 | +8.0 % | - | +0.0 % | 0.4 x | 0.20 |",
        "| 0 | +0.0 % | +0.0 % | +0.0 % | 1.0 x | 0.50 |",
        "| 9 | -8.3 % | -3.0 % | +1.5 % | 40.0 x | 20.00 |",
    ]


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


def test_bytes_are_compared_at_equal_quality() -> None:
    curve = [{"bytes": 1000.0 * 2**i, "VIF": 0.1 * i, "bent": 0.1 * i**2} for i in range(6)]
    halfway = {"bytes": 3000.0, "VIF": 0.25, "bent": 0.4}
    assert visual_check.relative_bytes(halfway, curve, "VIF") == pytest.approx(0.75 / 2**0.5)
    assert visual_check.relative_bytes(halfway, curve, "bent") == pytest.approx(0.75)
    beyond = {"bytes": 3000.0, "VIF": 0.6}
    assert math.isnan(visual_check.relative_bytes(beyond, curve, "VIF"))
    row = {"bytes": 4000.0} | dict.fromkeys(visual_check.MEASURES, 0.25)
    known = [point | dict.fromkeys(visual_check.MEASURES, point["VIF"]) for point in curve]
    table = visual_check.needed_table({30: {"visual": row, "AVIF": row}}, known)
    assert table.splitlines()[-1] == "| 30 |" + " -29 % |" * len(visual_check.MEASURES)
