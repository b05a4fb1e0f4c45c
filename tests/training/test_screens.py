"""Screens drawn by chance, and how training gets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lcodec.errors import UsageError
from lcodec.training import data
from lcodec.training.data import HELD_OUT, CropDataset, training_screens
from lcodec.training.gather import GatheredCrops
from lcodec.training.pictures import Pixels
from lcodec.training.screens import desktop, draw_screen, fonts
from lcodec.training.screens.canvas import Canvas, draw_theme
from lcodec.training.screens.contents import CONTENTS, gradient, photograph
from lcodec.training.screens.patterns import patterns
from tests.tinymodel import picture
from tools import draw_screens as tool

SIDES = (320, 200)


def test_equal_seeds_give_equal_screens() -> None:
    screens = [draw_screen(seed, SIDES, [picture(150, 90)]) for seed in (1, 2, 1)]
    assert all(s.shape == (200, 320, 3) and s.dtype == np.uint8 for s in screens)
    np.testing.assert_array_equal(screens[0], screens[2])
    assert (screens[0] != screens[1]).mean() > 0.1
    for number, screen in enumerate(desktop.draw_screens(5, 7, SIDES)):  # by several threads
        np.testing.assert_array_equal(screen, draw_screen(7000 + number, SIDES))


def test_screens_are_unlike_photographs() -> None:
    """Most neighbours are equal, and where they are not the steps are steep."""
    for seed in range(8):
        screen = draw_screen(seed, (640, 480)).astype(int)
        steps = np.abs(np.diff(screen, axis=1)).max(2)
        assert (steps <= 1).mean() > 0.5, seed
        assert (steps > 60).mean() > 0.002, seed


@pytest.mark.parametrize("content", [*dict.fromkeys(CONTENTS), gradient])
@pytest.mark.parametrize("sides", [(300, 220), (9, 9)], ids=str)
def test_every_content_draws_in_every_theme(content: object, sides: tuple[int, int]) -> None:
    for seed in range(6):
        random = np.random.default_rng(seed)
        canvas = Canvas(random, draw_theme(random), sides)
        content(canvas)  # type: ignore[operator]
        if sides[0] > 100:
            assert len(canvas.image.getcolors(1 << 16) or ()) != 1


def test_photographs_fill_their_place() -> None:
    random = np.random.default_rng(3)
    for sides in ((50, 200), (400, 30)):
        canvas = Canvas(random, draw_theme(random), sides)
        canvas.pen.rectangle((0, 0, *sides), fill=(255, 0, 255))
        photograph([np.full((60, 40, 3), 90, np.uint8)])(canvas)
        assert (np.asarray(canvas.image) == 90).all()


def test_patterns_repeat_and_change_from_pixel_to_pixel() -> None:
    """Some in rows, some in columns, some with full contrast; two colours each, if all over."""
    steps, all_over = [], 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        canvas = Canvas(random, draw_theme(random), (128, 96))
        patterns(canvas)
        pixels = np.asarray(canvas.image).astype(int)
        steps.append([np.abs(np.diff(pixels, axis=axis)).max(2).mean() for axis in (0, 1)])
        all_over += len(canvas.image.getcolors() or ()) <= 2
    found = np.array(steps)
    assert (found > 60).any(0).all() and found.max() > 200
    assert 5 <= all_over <= 25


def test_text_is_smoothed_in_three_ways() -> None:
    seen = {}
    for seed in range(40):
        random = np.random.default_rng(seed)
        canvas = Canvas(random, draw_theme(random), (200, 40))
        canvas.text(4, 8, "lcodec", canvas.face("sans", 16))
        pixels = np.asarray(canvas.image).astype(int)
        tinted = np.ptp(pixels - np.array(canvas.theme.back), axis=2).max() > 60
        seen[canvas.theme.smoothing] = (len(canvas.image.getcolors() or ()) == 2, tinted)
    assert seen["none"][0] and not seen["gray"][0] and not seen["subpixel"][0]
    assert seen["subpixel"][1] and not seen["gray"][1]


def test_without_fonts_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    fonts.faces.cache_clear()
    monkeypatch.setattr(fonts, "find_spec", lambda package: None)
    with pytest.raises(UsageError, match=r"pip install 'lcodec\[bench\]'"):
        draw_screen(1, SIDES)
    fonts.faces.cache_clear()


def marked(count: int, seed: int, sides: object = None, photographs: object = ()) -> list[Pixels]:
    """In place of screens: red rises downwards, green to the right, blue tells the seed."""
    screen = np.empty((128, 160, 3), np.uint8)
    screen[..., 0], screen[..., 1] = np.arange(128)[:, None], np.arange(160)
    screen[..., 2] = seed
    return [screen] * count


def is_marked(crop: np.ndarray) -> bool:
    """Upright, whole and of the second seed; ``crop`` (3, 64, 64)."""
    down, right = np.diff(crop[0].astype(int), axis=0), np.diff(crop[1].astype(int), axis=1)
    return bool((down == 1).all() and (right == 1).all() and (crop[2] == 2).all())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("lcodec.training.screens.draw_screens", marked)
    Image.fromarray(np.zeros((100, 100, 3), np.uint8)).save(tmp_path / "black.png")
    return tmp_path


def test_a_share_of_the_crops_is_of_screens(folder: Path) -> None:
    crops = CropDataset(folder, 2, screens=0.25).batch(400, 64).numpy()
    shown = sum(is_marked(crop) for crop in crops)
    assert 70 < shown < 130 and shown + sum(not crop.any() for crop in crops) == 400
    plain = CropDataset(folder, 2)
    assert not plain.screens and not plain.batch(50, 64).any()


def test_gathered_crops_are_of_screens_too(folder: Path) -> None:
    torch.manual_seed(1)
    photographs = [np.zeros((100, 100, 3), np.uint8)] * 3
    screens = training_screens(photographs, 2)
    assert len(screens) == data.SCREENS
    gathered = GatheredCrops(photographs, torch.device("cpu"), screens, 0.25)
    assert gathered.identity[:2] == (3, 30000)
    crops = gathered.batch(400, 64).numpy()
    shown = sum(is_marked(crop) for crop in crops)
    assert 70 < shown < 130 and shown + sum(not crop.any() for crop in crops) == 400


def test_no_run_draws_what_is_measured_by(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seeds: list[int] = []

    def note(seed: int, *rest: object) -> Pixels:
        seeds.append(seed)
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr(desktop, "draw_screen", note)
    for seed in (0, 1, 999, 1000, 123456):
        training_screens([], seed)
    trained, seeds = set(seeds), []
    tool.main([str(tmp_path / "screens"), "--count", "30"])
    assert len(list((tmp_path / "screens").glob("*.png"))) == 30
    assert min(seeds) == 1000 * HELD_OUT > max(trained)
