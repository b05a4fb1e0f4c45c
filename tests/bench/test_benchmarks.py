"""The measurements of speed: what they make of the seconds."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import engines, fairness, peers, processes, speed
from benchmarks.picture import natural
from lcodec.bench import bd_rate, published_curve
from lcodec.bench.points import NamedPoint, plot_points
from lcodec.bench.results import result_to_json
from tests.bench.test_bench_report import made


def test_the_picture_is_the_same_everywhere_and_like_a_photograph() -> None:
    pixels = natural(96, 64)
    assert pixels.shape == (64, 96, 3) and np.array_equal(pixels, natural(96, 64))
    luma = pixels.astype(float).mean(-1)
    near = np.corrcoef(luma[:, 1:].ravel(), luma[:, :-1].ravel())[0, 1]
    assert 0.7 < near < 0.999 and 30 < luma.std() < 60


def test_a_stage_that_got_slower_has_lost() -> None:
    before = {"encode": {"total": [1.0, 2.0, 1.0], "analysis": [0.5, 1.0, 0.5], "tiny": [0.01] * 3}}
    now = {"encode": {"total": [1.1, 2.0, 0.9], "analysis": [0.6, 1.3, 0.7], "tiny": [0.02] * 3}}
    rows = {row.stage: row for row in speed.compared(before, now)}
    assert rows["analysis"].ratio == pytest.approx(1.3) and rows["analysis"].lost
    assert not rows["total"].lost
    assert rows["tiny"].ratio == pytest.approx(2.0) and not rows["tiny"].lost
    text = "\n".join(speed.table(list(rows.values())))
    assert "lost" in text and "too short to judge" in text


def test_a_stage_that_is_new_is_not_compared() -> None:
    before = {"start": {"total": [1.0], speed.TORCH: [1.0]}}
    now = {"start": {"total": [1.0], speed.TORCH: [1.0], "other": [9.0]}}
    assert [row.stage for row in speed.compared(before, now)] == ["total"]


def test_figures_are_medians_of_a_megapixel() -> None:
    samples = {"encode": {"total": [1.0, 3.0, 2.0]}, "start": {"total": [4.0, 5.0, 6.0]}}
    assert speed.summary(samples, 0.5) == {"encode": {"total": 4.0}, "start": {"total": 5.0}}
    assert speed.in_turn(2, 0) == [0, 1] and speed.in_turn(2, 1) == [1, 0]


def test_a_worker_tells_the_stages(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", natural(48, 32))
    options = {"model": "groupedmixer-fast", "quality": 40, "threads": 1, "cpu": True}
    with processes.Worker(processes.ROOT, tmp_path / "a.npy", **options) as worker:  # type: ignore[arg-type]
        encode, decode = worker.time("encode"), worker.time("decode")
        both = worker.time("both")
    assert {"analysis", "entropy network", "range coder", "total"} <= set(encode)
    assert "synthesis" in decode and "synthesis" not in encode
    assert {"analysis", "synthesis"} <= set(both)
    assert encode["total"] >= encode["analysis"] > 0


def test_another_commit_is_checked_out_and_removed(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *author, *words], check=True)

    git("init", "--quiet")
    for text in ("one", "two"):
        (tmp_path / "a.txt").write_text(text)
        git("add", "a.txt")
        git("commit", "--quiet", "-m", text)
    with processes.checkout("HEAD~1", tmp_path) as tree:
        assert (tree / "a.txt").read_text() == "one"
    assert not tree.exists()
    with pytest.raises(SystemExit, match="cannot be"), processes.checkout("x", tmp_path):
        pass


def test_what_is_fair() -> None:
    assert fairness.is_fair(1, 1.0) and fairness.is_fair(2, 2.2) and fairness.is_fair(4, 4.4)
    assert not fairness.is_fair(2, 2.3) and not fairness.is_fair(4, 4.6)


def test_peers_run_and_what_is_missing_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "a.npy", natural(64, 48))
    jpeg, none = peers.Entry("jpeg", "JPEG 4:2:0"), peers.Entry("none", "No codec")
    found = peers.measure([jpeg, none], tmp_path / "a.npy", threads=1, rounds=1, turns=1)
    assert set(found) == {"jpeg"} and min(found["jpeg"].values()) > 0
    assert "No codec: left out: unknown codec: none" in capsys.readouterr().err
    lines = peers.table([jpeg, none], found | {peers.OWN: found["jpeg"]}, 0.5)
    assert len(lines) == 3 and "| 1.00 | 1.00 |" in lines[2]


def test_published_curves_of_peers_are_known() -> None:
    known = peers.curves(peers.CODECS, [])
    assert set(known) == {entry.name for entry in peers.CODECS if entry.curve}
    anchor = published_curve("vtm")
    jpeg, webp, learned = (
        bd_rate(anchor, known[name]).percent
        for name in ("jpeg", "webp", "compressai:cheng2020-anchor")
    )
    assert jpeg > webp > learned


def called(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    """The exit status of `benchmarks.peers` in this process."""
    monkeypatch.setattr("sys.argv", ["peers", *map(str, words)])
    try:
        peers.main()
    except SystemExit as leaving:
        assert isinstance(leaving.code, int)
        return leaving.code
    return 0


FIGURES = processes.ROOT / "docs" / "figures" / "peers.json"


def test_the_plot_is_drawn_from_earlier_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn: list[NamedPoint] = []

    def keep(points: list[NamedPoint], *rest: Any, **words: Any) -> None:
        drawn.extend(points)
        plot_points(points, *rest, **words)

    monkeypatch.setattr(peers, "plot_points", keep)
    bench = tmp_path / "bench.json"
    bench.write_text(result_to_json(replace(made(1.25), name="lcodec groupedmixer")))
    plot = tmp_path / "a.svg"
    plot.write_text("an earlier one")
    assert called(monkeypatch, "--from", FIGURES, "--bench", bench, "--plot", plot) == 0
    titles = {entry.title for entry in peers.CODECS if entry.curve}
    assert {point.name for point in drawn} == titles | {"lcodec, groupedmixer"}
    (own,) = (point for point in drawn if point.kind == "measured")
    run = peers.load(FIGURES)
    assert own.name == "lcodec, groupedmixer" and own.y == pytest.approx(25.0, abs=0.1)
    assert own.x == pytest.approx(run.threads[1][peers.OWN]["decode"] / run.megapixels)
    assert {point.kind for point in drawn if "CompressAI" in point.name} == {"learned"}
    assert {point.kind for point in drawn if "JPEG" in point.name} == {"classical"}
    assert plot.read_text("utf-8").startswith("<?xml")
    assert "| lcodec, groupedmixer |" in capsys.readouterr().out


def test_what_cannot_be_drawn_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plot, bench, bad = tmp_path / "a.svg", tmp_path / "bench.json", tmp_path / "bad.json"
    bad.write_text('{"threads": {"one": {}}}')
    other = made()
    rows = tuple(replace(row, pixels_sha256="0") for row in other.results)

    def refused(status: int, *words: str | Path) -> str:
        assert called(monkeypatch, *words) == status
        return capsys.readouterr().err.removeprefix("benchmarks.peers: ").removesuffix("\n")

    missing = tmp_path / "missing.json"
    assert "cannot be read" in refused(3, "--from", missing, "--plot", plot)
    assert refused(3, "--from", bad, "--plot", plot) == f"{bad}: not a file of benchmarks.peers"
    assert "unknown plot suffix" in refused(2, "--from", FIGURES, "--plot", tmp_path / "a.gif")
    assert "no points" in refused(2, "--from", FIGURES, "--codecs", "avif:3", "--plot", plot)
    bench.write_text(result_to_json(replace(other, results=rows)))
    words = ("--from", FIGURES, "--bench", bench, "--plot", plot)
    assert "not of the Kodak pictures" in refused(3, *words)
    bench.write_text(result_to_json(replace(other, name="lcodec unheard-of")))
    assert "lcodec unheard-of is not among the codecs" in refused(3, *words)
    assert "\n" not in refused(3, *words)
    assert "--bench is for --plot" in refused(2, "--from", FIGURES, "--bench", bench)
    assert "--threads is for measuring" in refused(2, "--from", FIGURES, "--threads", "2")
    assert not plot.exists()


def test_the_document_has_the_figures_of_peers() -> None:
    run = peers.load(FIGURES)
    text = (processes.ROOT / "docs" / "peers.md").read_text("utf-8")
    assert "\n".join(peers.table(peers.CODECS, run.threads[1], run.megapixels)) in text


def test_engines_code_pictures_that_differ(tmp_path: Path) -> None:
    engines.draw(tmp_path / "a", 3, 32, 16)
    engines.draw(tmp_path / "b", 3, 32, 16)
    files = [sorted((tmp_path / name).rglob("*.png")) for name in "ab"]
    assert [path.name for path in files[0]] == ["000000.png", "000001.png", "000002.png"]
    contents = [[path.read_bytes() for path in side] for side in files]
    assert contents[0] == contents[1] and len(set(contents[0])) == 3
    for path in files[0]:
        path.rename(path.with_suffix(".lic"))
    found = engines.digests(tmp_path / "a")
    assert list(found) == [f"000/00000{i}.lic" for i in range(3)] and len(set(found.values())) == 3
