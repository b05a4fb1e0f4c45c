"""Other codecs on the same pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lcodec.bench import bd_rate, load_result, result_to_json
from lcodec.bench.peers import PEERS, Peer, find_peers, measure
from lcodec.cli.main import run
from lcodec.errors import UsageError
from tests.bench.test_bench_report import made
from tests.tinymodel import picture


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in (1, 2):
        Image.fromarray(picture(176, 180, seed)).save(folder / f"{seed}.png")
    return sorted(folder.iterdir())


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
def test_every_codec_gives_a_rising_curve(peer: Peer, pictures: list[Path]) -> None:
    few = replace(peer, settings=peer.settings[1::4])
    done: list[None] = []
    curve = measure(few, pictures, lambda: done.append(None))
    assert len(done) == 2 and len(curve.bpp) == 3
    assert (curve.name, curve.title, curve.kind) == (peer.name, peer.title, "classical")
    for metric in ("psnr", "ms_ssim", "ssimulacra2"):
        values = getattr(curve, metric)
        assert list(values) == sorted(values)
    assert list(curve.bpp) == sorted(curve.bpp)


def test_the_rate_is_that_of_whole_files(pictures: list[Path]) -> None:
    peer = replace(PEERS["jpeg"], settings=(50,))
    sizes = [len(peer.encode(np.asarray(Image.open(path)), 50)) for path in pictures]
    bpp = [8 * size / (176 * 180) for size in sizes]
    (found,) = measure(peer, pictures).bpp
    assert found == pytest.approx(sum(bpp) / 2)


def test_gray_and_deep_pictures(tmp_path: Path) -> None:
    gray = picture(60, 70)[..., 0]
    Image.fromarray(gray).save(tmp_path / "gray.png")
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    curves = [
        measure(replace(PEERS["webp"], settings=(20, 80)), [tmp_path / name])
        for name in ("gray.png", "deep.png")
    ]
    assert curves[0] == curves[1]
    assert curves[0].ms_ssim is None and len(curves[0].ssimulacra2 or ()) == 2


def test_unknown_codecs_are_named() -> None:
    assert [peer.name for peer in find_peers(["webp", "jpeg", "webp"])] == ["webp", "jpeg"]
    with pytest.raises(UsageError, match="unknown codec: heic \\(jpeg, webp, avif"):
        find_peers(["jpeg", "heic"])


def test_peers_are_kept_with_the_results(tmp_path: Path) -> None:
    curve = made(1.5).curve()
    result = replace(made(), peers=(replace(curve, name="x", title="X", kind="classical"),))
    path = tmp_path / "r.json"
    path.write_text(result_to_json(result))
    assert load_result(path) == result
    assert bd_rate(result.peers[0], result.curve(), metric="ssimulacra2").percent < -30


def test_bench_compares_with_them(
    tiny_model: Path, pictures: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "plot.svg"
    words = ["bench", "--set", str(pictures[0].parent), "--limit", "1", "-q", "30,90"]
    assert run([*words, "--against", "webp,jpeg", "--plot", str(plot), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "BD-rate % on the same pictures" in shown and "WebP, method 6" in shown
    assert "VTM" not in shown
    assert "SSIMULACRA2" in plot.read_text()
    assert run([*words, "--against", "heic", "--quiet"]) == 2
