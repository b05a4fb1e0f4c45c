"""SSIMULACRA2 against the published package, and as something to train on."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from numpy.typing import NDArray
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from lcodec.errors import UsageError
from lcodec.metrics.localdistance import LocalMeasure
from lcodec.metrics.ssimulacra2 import (
    distances,
    distances_and_fine,
    score,
    ssimulacra2,
)
from tests.tinymodel import picture

Pixels = NDArray[np.uint8]

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "ihc.png")


def coded(pixels: Pixels, kind: str, quality: int) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, quality=quality)
    return np.asarray(Image.open(stream).convert("RGB"))


def published(folder: Path, reference: Pixels, decoded: Pixels) -> float:
    names = [str(folder / "reference.png"), str(folder / "decoded.png")]
    for name, pixels in zip(names, (reference, decoded), strict=True):
        Image.fromarray(pixels).save(name)
    return float(compute_ssimulacra2(*names))


# Below 249 pixels there are fewer than six scales.
@pytest.mark.parametrize("side", [(257, 301), (131, 90), (40, 33), (8, 9)])
def test_agrees_with_the_published_package(side: tuple[int, int], tmp_path: Path) -> None:
    reference = picture(*side, seed=sum(side))
    for kind in ("JPEG", "WEBP"):
        for quality in (3, 30, 90):
            decoded = coded(reference, kind, quality)
            expected = published(tmp_path, reference, decoded)
            assert ssimulacra2(reference, decoded) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_agree_with_the_published_package(name: str, tmp_path: Path) -> None:
    """Fifty pairs of every quality."""
    path = Path(skimage.__file__).parent / "data" / name
    reference = np.asarray(Image.open(path).convert("RGB"))[:270, :300]
    found = []
    for quality in (2, 10, 20, 30, 40, 50, 65, 80, 90, 98):
        decoded = coded(reference, "JPEG", quality)
        found.append(ssimulacra2(reference, decoded))
        expected = published(tmp_path, reference, decoded)
        assert found[-1] == pytest.approx(expected, abs=0.05)
    assert found[0] < 15 and found[-1] > 85


def test_equal_pictures_are_perfect_and_16_bits_are_more_of_the_same() -> None:
    reference = picture(70, 90)
    decoded = coded(reference, "JPEG", 30)
    assert ssimulacra2(reference, reference) == 100.0
    deep = [pixels.astype(np.uint16) * 257 for pixels in (reference, decoded)]
    assert ssimulacra2(*deep) == pytest.approx(ssimulacra2(reference, decoded), abs=1e-3)


def test_gray_is_equal_red_green_and_blue() -> None:
    reference = picture(70, 90)[..., 0]
    decoded = (reference // 16) * 16
    colours = [np.repeat(pixels[..., None], 3, 2) for pixels in (reference, decoded)]
    assert ssimulacra2(reference, decoded) == pytest.approx(ssimulacra2(*colours), abs=1e-4)


def planes(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def test_strips_change_nothing() -> None:
    reference = picture(150, 120)
    pair = planes(reference), planes(coded(reference, "JPEG", 20))
    whole = distances(*pair)
    for rows in (1, 7, 64, 149):
        torch.testing.assert_close(distances(*pair, strip=rows * 120), whole)


def test_the_gradient_is_finite_and_points_the_right_way() -> None:
    reference = planes(picture(64, 96))
    torch.manual_seed(3)
    start = (reference + 0.1 * torch.randn_like(reference)).requires_grad_()
    found = distances(reference, start)
    (slope,) = torch.autograd.grad(found.sum(), [start])
    assert bool(slope.isfinite().all())
    better = distances(reference, start.detach() - 0.02 * slope.sign())
    assert float(better) < 0.95 * float(found.detach())
    # Even where nothing is to be gained, and beyond the range of pixels.
    for other in (reference.clone(), reference * 3.0 - 1.0):
        other.requires_grad_()
        (slope,) = torch.autograd.grad(distances(reference, other).sum(), [other])
        assert bool(slope.isfinite().all())


def test_the_fine_dissimilarity_sees_details_of_two_to_four_pixels() -> None:
    reference = planes(picture(128, 192))
    share = {}
    for length in (2.0, 4.0, 60.0):
        wave = torch.sin(torch.arange(192) * (2.0 * np.pi / length) + 1.0) * 0.03
        plain, fine = distances_and_fine(reference, (reference + wave).clamp(0.0, 1.0))
        assert torch.equal(plain, distances(reference, (reference + wave).clamp(0.0, 1.0)))
        share[length] = float(fine / plain)
    assert min(share[2.0], share[4.0]) > 10.0 * share[60.0] > 0.0
    assert float(distances_and_fine(reference, reference)[1]) < 1e-5


@pytest.mark.parametrize("side", [8, 15, 16, 33, 70, 130])
def test_every_size_has_a_fine_dissimilarity(side: int) -> None:
    reference = picture(side, side + 20)
    decoded = coded(reference, "JPEG", 10)
    fine = float(distances_and_fine(tensor(reference), tensor(decoded))[1])
    assert 0.0 < fine < 2.0
    local = [LocalMeasure(tensor(reference), 16, weight)(tensor(decoded)) for weight in (0.0, 1.0)]
    assert float(local[1].total - local[0].total) == pytest.approx(fine, rel=1e-3)


def test_autocast_does_not_reach_it() -> None:
    one, other = torch.rand(2, 2, 3, 64, 64).unbind()
    expected = distances(one, other)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(distances(one, other), expected)


def test_a_batch_is_its_pictures() -> None:
    one, other = torch.rand(2, 3, 3, 40, 48).unbind()
    pairs = [(one[i : i + 1], other[i : i + 1]) for i in range(3)]
    apart = torch.cat([distances(*pair) for pair in pairs])
    torch.testing.assert_close(distances(one, other), apart, rtol=1e-5, atol=0)
    found = LocalMeasure(one, 16)(other)
    torch.testing.assert_close(found.total, apart, rtol=1e-5, atol=0)
    cells = torch.cat([LocalMeasure(left, 16)(right).cells for left, right in pairs])
    torch.testing.assert_close(found.cells, cells, rtol=1e-4, atol=1e-6)


def tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels.astype(np.float32) / 255.0).permute(2, 0, 1)[None]


@pytest.mark.parametrize("side", [(272, 301), (131, 90), (20, 33)])
@pytest.mark.parametrize(("cell", "fine"), [(16, 0.0), (16, 40.0), (32, 0.0), (8, 40.0)])
def test_cells_change_as_the_distance_does(side: tuple[int, int], cell: int, fine: float) -> None:
    pixels = picture(*side)
    reference = tensor(pixels)
    decoded = tensor(coded(pixels, "JPEG", 40)).requires_grad_()
    whole = torch.stack(distances_and_fine(reference, decoded)).T @ torch.tensor([1.0, fine])
    local = LocalMeasure(reference, cell, fine)(decoded)
    assert local.cells.shape == (1, -(-side[0] // cell), -(-side[1] // cell))
    assert float(local.total) == pytest.approx(float(whole.detach()), rel=1e-4)
    one, other = (torch.autograd.grad(v.sum(), [decoded])[0] for v in (whole, local.cells))
    assert torch.allclose(one, other, rtol=1e-3, atol=1e-4 * float(one.abs().max()))


def test_a_worse_spot_is_found_by_cells() -> None:
    pixels = picture(272, 288)
    reference, decoded = tensor(pixels), tensor(coded(pixels, "JPEG", 80))
    measure = LocalMeasure(reference, 16)
    before = measure(decoded)
    spoilt = decoded.clone()
    spoilt[:, :, 100:108, 148:156] = 1.0 - spoilt[:, :, 100:108, 148:156]
    after = measure(spoilt, before.norms)
    change = (after.cells - before.cells)[0]
    assert divmod(int(change.argmax()), 18) == (6, 9)
    far = change.clone()
    far[4:9, 7:12] = 0.0
    assert float(far.abs().sum()) < 0.1 * float(change[6, 9])


def test_the_scale_falls_with_the_distance() -> None:
    values = [score(distance / 10) for distance in range(1000)]
    assert values[0] == 100.0 and values == sorted(values, reverse=True)


def test_too_small_or_unlike_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 8 pixels, not 9x7"):
        ssimulacra2(picture(7, 9), picture(7, 9))
    with pytest.raises(UsageError, match="different shapes"):
        ssimulacra2(picture(10, 9), picture(9, 9))


def test_the_finest_scale_can_be_left_out() -> None:
    """Then what 2x2 pixels do not show together is not seen, unless there is no other scale."""
    gray = torch.full((1, 3, 64, 96), 0.5)
    board = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(32, 48)
    linear = torch.where(board > 0, 0.26, 0.17)  # their mean is that of the gray
    linear += ((0.5 + 0.055) / 1.055) ** 2.4 - linear.mean()
    worse = (1.055 * linear ** (1 / 2.4) - 0.055).expand(1, 3, -1, -1)
    whole, coarse = (LocalMeasure(gray, 16, 40.0, finest=finest) for finest in (True, False))
    assert float(whole(worse).total) > 0.1
    assert float(coarse(worse).total) < 1e-3 > float(coarse(worse).cells.abs().max())
    blurred = torch.nn.functional.avg_pool2d(worse, 9, 1, 4)
    darker = blurred * 0.8
    assert float(coarse(darker).total) > 0.1
    tiny = LocalMeasure(gray[..., :12, :12], 16, finest=False)
    assert float(tiny(worse[..., :12, :12]).total) > 0.1
