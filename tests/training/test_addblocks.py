"""More blocks in the transforms change nothing until they are trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lcodec.errors import UsageError
from lcodec.training import checkpoint
from lcodec.training.addblocks import add_blocks
from lcodec.training.options import BLOCKS
from lcodec.training.recipe import parse_setting
from lcodec.training.sizes import choose_sizes
from lcodec.training.start import load_start
from lcodec.twin.codec import TwinCodec
from tests.tinymodel import tiny_codec

LEARNS_FIRST = {
    "analysis4": "analysis.fine.reduce.weight",
    "analysis8": "analysis.blocks8.{}.down.weight",
    "analysis16": "analysis.blocks16.{}.down.weight",
    "synthesis16": "synthesis.blocks16.{}.down.weight",
    "synthesis8": "synthesis.blocks8.{}.down.weight",
    "synthesis4": "synthesis.fine.leave.weight",
}


def a_run(folder: Path) -> TwinCodec:
    """A run of a tiny model whose networks do something."""
    model = tiny_codec(seed=3, deblocking=True)
    with torch.no_grad():
        for layer in (model.transforms.analysis.leave, model.transforms.synthesis.leave):
            layer.weight.normal_(std=0.05)
    info = {"steps": 1, "config": model.config.to_dict()}
    checkpoint.save_run(folder, {"average": model.state_dict()}, info)
    return model.eval()


@pytest.mark.parametrize("name", BLOCKS)
def test_a_deeper_codec_begins_where_the_other_is(tmp_path: Path, name: str) -> None:
    small = a_run(tmp_path / "run")
    more = getattr(small.config.transforms, name) + 2
    transforms = replace(small.config.transforms, **{name: more})
    chosen = choose_sizes(None, tmp_path / "run", **parse_setting(f"{name}={more}"))
    assert chosen.transforms == transforms
    config = replace(small.config, transforms=transforms)  # of the same reach
    deep = TwinCodec(config).eval()
    assert load_start(deep, tmp_path / "run", pytest.fail) == []
    pixels, quality = torch.rand(1, 3, 64, 64), torch.tensor([60.0])
    with torch.no_grad():
        y = small.transforms.analyse(pixels, quality)
        assert torch.equal(deep.transforms.analyse(pixels, quality), y)
        shown = small.transforms.synthesise(y.round(), quality)
        assert torch.equal(deep.transforms.synthesise(y.round(), quality), shown)
    of = deep.transforms.analyse if name.startswith("analysis") else deep.transforms.synthesise
    of(pixels if name.startswith("analysis") else y.round(), quality).square().sum().backward()
    learnt = deep.transforms.get_parameter(LEARNS_FIRST[name].format(more - 1)).grad
    assert learnt is not None and float(learnt.abs().max()) > 0


@pytest.mark.parametrize("name", ["analysis4", "synthesis4"])
def test_a_stage_that_is_there_grows_like_the_others(tmp_path: Path, name: str) -> None:
    """Its own blocks stay, and the new one changes nothing."""
    torch.manual_seed(4)
    first = replace(tiny_codec().config.transforms, **{name: 1})  # type: ignore[arg-type]
    model = TwinCodec(replace(tiny_codec().config, transforms=first))
    with torch.no_grad():
        model.transforms.get_parameter(LEARNS_FIRST[name]).normal_(std=0.05)
    grown = replace(first, **{name: 3})  # type: ignore[arg-type]
    deep = TwinCodec(replace(model.config, transforms=grown))
    deep.load_state_dict(add_blocks(model.state_dict(), first, grown))
    pixels, quality = torch.rand(1, 3, 64, 64), torch.tensor([60.0])
    with torch.no_grad():
        y = model.transforms.analyse(pixels, quality)
        assert torch.equal(deep.transforms.analyse(pixels, quality), y)
        shown = model.transforms.synthesise(y.round(), quality)
        assert torch.equal(deep.transforms.synthesise(y.round(), quality), shown)


def test_blocks_only_grow(tmp_path: Path) -> None:
    own = a_run(tmp_path / "run").config.transforms.synthesis8
    with pytest.raises(UsageError, match="can only grow"):
        choose_sizes(None, tmp_path / "run", synthesis8=own - 1)
    with pytest.raises(UsageError, match="keeps them"):
        choose_sizes(tmp_path / "run", None, synthesis8=own + 1)
    assert choose_sizes(tmp_path / "run", None, synthesis8=own).transforms.synthesis8 == own
    with pytest.raises(UsageError, match="not a whole number"):
        parse_setting("synthesis8=many")
