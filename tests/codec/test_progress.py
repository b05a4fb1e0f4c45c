"""Progress of what takes long, stage by stage."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest

from lcodec import Target
from lcodec.library.codec import Codec
from lcodec.library.repack import repack
from lcodec.metrics.distortion import psnr
from tests.tinymodel import picture

Steps = list[tuple[str, int, int]]


@pytest.fixture
def codec(tiny_model: Path) -> Codec:
    codec = Codec(device="cpu", tile_edge=64)
    codec.stages.pixels.block = 8
    return codec


def stages(steps: Steps) -> dict[str, list[int]]:
    """Steps done by stage; every stage must have one total and come to it."""
    found = {}
    for stage, run in groupby(steps, key=lambda step: step[0]):
        taken = list(run)
        total = taken[-1][2]
        assert {step[2] for step in taken} == {total}
        done = [step[1] for step in taken]
        assert (done[0], done[-1], sorted(done)) == (0, total, done)
        found[stage] = done
    return found


def test_encoding_and_decoding_go_tile_by_tile(codec: Codec) -> None:
    steps: Steps = []
    pixels = picture(100, 200)  # 2 x 4 tiles, blocks of 128 pixels
    encoded = codec.encode_detailed(pixels, 40, progress=lambda *step: steps.append(step))
    seen = stages(steps)
    assert list(seen) == ["analysis", "first look", "second look", "coding"]
    assert seen["analysis"] == seen["first look"] == [0, 1, 2]
    assert seen["second look"] == list(range(9))
    assert seen["coding"] == list(range(9))
    steps.clear()
    codec.decode(encoded.data, progress=lambda *step: steps.append(step))
    seen = stages(steps)
    assert list(seen) == ["decoding", "synthesis"]
    assert seen["decoding"] == list(range(9))
    assert seen["synthesis"] == [0, 1, 2]
    steps.clear()
    repack(encoded.data, codec, codec, lambda *step: steps.append(step))
    assert list(stages(steps)) == ["decoding", "coding"]


def test_every_level_of_a_search_is_named_and_noted(codec: Codec) -> None:
    steps: Steps = []
    pixels = picture(60, 70)
    size = len(codec.encode(pixels, 33))
    target = Target.size(size)
    found = codec.encode_detailed(pixels, target=target, progress=lambda *step: steps.append(step))
    assert found.evaluations == len(found.trials) > 1
    levels = [trial.quality for trial in found.trials]
    named = [stage.split(":")[0] for stage in stages(steps)]
    assert list(dict.fromkeys(named)) == [f"quality {level}" for level in levels]
    for trial in found.trials:
        assert trial.size == len(codec.encode(pixels, trial.quality))
        assert (trial.effort, trial.psnr) == (0, None)
    best = max(trial.quality for trial in found.trials if (trial.size or 0) <= size)
    assert found.quality == best
    assert codec.encode_detailed(pixels, 50).trials == ()


def test_files_below_the_lowest_level_are_named_and_noted(codec: Codec) -> None:
    steps: Steps = []
    pixels = picture(60, 70)
    target = Target.size(len(codec.encode(pixels, 0)) - 1)
    found = codec.encode_detailed(pixels, target=target, progress=lambda *step: steps.append(step))
    assert all(stage.startswith("quality ") for stage in stages(steps))
    thin = [trial for trial in found.trials if trial.kept < 1.0]
    named = [stage for stage in stages(steps) if stage.endswith(" of its details: coding")]
    assert 1 < len(set(named)) <= len(thin)
    assert named[0] == "quality 0, 0 % of its details: coding"


def test_candidates_are_compared_one_after_another(codec: Codec) -> None:
    steps: Steps = []
    pixels = picture(60, 70)
    codec.encode_detailed(
        pixels,
        target=Target.size(len(codec.encode(pixels, 33))),
        effort=1,
        progress=lambda *step: steps.append(step),
    )
    named = [stage for stage in stages(steps) if stage.endswith("synthesis")]
    assert named == ["candidate 1: synthesis", "candidate 2: synthesis"]


def test_trials_for_a_psnr(codec: Codec) -> None:
    pixels = picture(60, 70)
    wanted = psnr(pixels, codec.decode(codec.encode(pixels, 40)).pixels)
    found = codec.encode_detailed(pixels, target=Target.psnr(wanted))
    for trial in found.trials:
        decoded = codec.decode(codec.encode(pixels, trial.quality)).pixels
        assert trial.psnr == pytest.approx(psnr(pixels, decoded))
    refined = codec.encode_detailed(pixels, target=Target.psnr(wanted), effort=1)
    assert [trial.effort for trial in refined.trials] == sorted(
        trial.effort for trial in refined.trials
    )
    assert {trial.effort for trial in refined.trials} == {0, 1}
