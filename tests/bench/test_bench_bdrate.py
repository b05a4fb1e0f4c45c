"""BD-rate, and the published curves it is given against."""

from __future__ import annotations

import hashlib
import math
import sys

import numpy as np
import pytest

from lcodec.bench import Curve, bd_rate, is_kodak, published_curve, published_curves
from lcodec.bench.extras import MissingExtraError
from lcodec.bench.kodak import kodak_hashes, pixels_hash
from lcodec.errors import UsageError

POINTS = [(0.1, 28.0), (0.25, 31.0), (0.5, 34.2), (0.9, 37.4), (1.4, 40.4)]


def curve(name: str, factor: float = 1.0, offset: float = 0.0) -> Curve:
    return Curve.from_points(name, [(bpp * factor, db + offset) for bpp, db in POINTS])


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.1, 3.0])
def test_a_constant_factor_in_rate_is_found_exactly(factor: float) -> None:
    result = bd_rate(curve("a"), curve("b", factor))
    assert result.percent == pytest.approx(100 * (factor - 1), abs=1e-9)
    assert (result.low, result.high) == (28.0, 40.4)


def test_analytic_curves_with_other_samples_and_ranges() -> None:
    # ln rate = 0.15 * dB + c on both, so the factor is exp of the difference in c.
    dense = [28 + 0.7 * i for i in range(15)]
    sparse = [30.3 + 1.9 * i for i in range(7)]
    anchor = Curve.from_points("a", [(math.exp(0.15 * db - 6), db) for db in dense])
    test = Curve.from_points("b", [(math.exp(0.15 * db - 6.2), db) for db in sparse])
    result = bd_rate(anchor, test)
    assert result.percent == pytest.approx(100 * math.expm1(-0.2), abs=1e-9)
    assert (result.low, result.high) == (sparse[0], dense[-1])
    narrow = bd_rate(anchor, test, within=(32.0, 35.0))
    assert (narrow.low, narrow.high) == (32.0, 35.0)
    swapped = bd_rate(test, anchor)
    assert swapped.percent == pytest.approx(100 * math.expm1(0.2), abs=1e-9)


def test_order_of_points_does_not_matter_and_exact_pictures_have_no_psnr() -> None:
    shuffled = Curve.from_points("b", [*POINTS[::-1], (9.0, math.inf)])
    assert shuffled.points("psnr") == curve("a").points("psnr")
    assert bd_rate(curve("a"), shuffled).percent == pytest.approx(0.0, abs=1e-12)


def test_exact_pictures_count_by_other_measures() -> None:
    """Of drawn screens, some come back exactly at all levels but the lowest."""
    rates = (0.1, 0.2, 0.4, 0.8)
    exact = [(bpp, math.inf, 0.9 + bpp / 10, 50.0 + 40.0 * bpp) for bpp in rates]
    lossy = [(2.0 * bpp, 30.0 + bpp, structural, points) for bpp, _, structural, points in exact]
    one, other = Curve.from_points("a", exact), Curve.from_points("b", lossy)
    assert len(one.points("ssimulacra2")) == 4 and one.points("psnr") == []
    for metric in ("ssimulacra2", "ms_ssim"):
        found = bd_rate(other, one, metric=metric).percent
        assert found == pytest.approx(-50.0)
    with pytest.raises(UsageError, match="at least two points"):
        bd_rate(other, one)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(UsageError, match="share no PSNR range"):
        bd_rate(curve("a"), curve("b", offset=20.0))
    with pytest.raises(UsageError, match="at least two points"):
        bd_rate(curve("a"), Curve.from_points("b", POINTS[:1]))
    with pytest.raises(UsageError, match="same PSNR"):
        bd_rate(curve("a"), Curve.from_points("b", [(0.1, 30.0), (0.2, 30.0), (0.3, 31.0)]))
    for bad in ((0.0, 30.0), (math.nan, 30.0), (0.1, math.nan), (None, 30.0)):
        with pytest.raises(UsageError, match="bad point"):
            Curve.from_points("b", [bad])


def test_missing_scipy_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.interpolate", None)
    with pytest.raises(MissingExtraError, match=r"scipy: pip install 'lcodec\[bench\]'") as error:
        bd_rate(curve("a"), curve("b"))
    assert error.value.exit_code == UsageError.exit_code


# BD-rates against `vtm` of these curves, found with an independent implementation.
KNOWN = {
    "vtm": 0.0,
    "vtm18": -0.172,
    "jpeg420": 188.882,
    "jpeg444": 199.813,
    "webp": 79.171,
    "jp2k": 49.016,
    "jxl": 97.116,
    "avif420_s6": 50.133,
    "avif444_10b_s6_psnr": 32.315,
    "heic420": 51.172,
    "heic444": 35.121,
    "hm": 23.307,
    "bpg": 21.987,
    "av1": 16.178,
    "jpeg_compressai": 208.491,
    "jpeg2000_compressai": 97.974,
    "webp_compressai": 78.750,
    "hyperprior": 30.486,
    "mbt2018": 11.017,
    "cheng2020-anchor": 3.681,
    "minnen2020": 1.113,
    "elic": -7.024,
    "mlic++": -15.016,
    "hpcm-large": -19.955,
    "coolchic": -6.615,
}


@pytest.mark.parametrize(("name", "percent"), KNOWN.items())
def test_published_curves_give_their_known_bd_rates(name: str, percent: float) -> None:
    result = bd_rate(published_curve("vtm"), published_curve(name))
    assert result.percent == pytest.approx(percent, abs=0.02)


def test_published_curves_are_sound() -> None:
    curves = published_curves()
    assert len(curves) >= 30
    for name, entry in curves.items():
        assert entry.name == name
        assert entry.source and entry.title
        assert entry.kind in ("classical", "learned")
        assert list(entry.bpp) == sorted(entry.bpp)
        assert all(20 < db < 50 for db in entry.psnr)
        if entry.ms_ssim is not None:
            assert all(0.7 < value < 1 for value in entry.ms_ssim)
    assert curves["vtm"].ms_ssim is not None
    with pytest.raises(UsageError, match="unknown curve `nope`; known curves: vtm "):
        published_curve("nope")


def test_kodak_is_known_by_its_pixels() -> None:
    hashes = sorted(kodak_hashes())
    assert len(hashes) == 24
    assert is_kodak(reversed(hashes))
    assert not is_kodak(hashes[1:])
    assert not is_kodak([*hashes, hashes[0]])
    assert not is_kodak([*hashes[1:], hashes[1]])
    levels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert pixels_hash(levels) != pixels_hash(levels.reshape(1, 4, 3))
    assert pixels_hash(levels) != pixels_hash(levels.astype(np.uint16))
    assert pixels_hash(levels) == hashlib.sha256(b"(2, 2, 3) uint8" + bytes(range(12))).hexdigest()
