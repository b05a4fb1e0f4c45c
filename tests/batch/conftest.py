"""Folders of small pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lcodec.batch.location import Location
from lcodec.batch.plan import Plan, plan_tree
from lcodec.picture import READ_SUFFIXES

MakeBatch = Callable[..., Plan]


def here(location: Location) -> Path:
    """A location that has to be one of this machine."""
    assert isinstance(location, Path)
    return location


@pytest.fixture
def make_batch(tmp_path: Path) -> MakeBatch:
    """Makes gray pictures of 12x8 below ``in``; gives the plan to encode them to ``out``."""

    def make(*names: str) -> Plan:
        for level, name in enumerate(names):
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (12, 8), 10 + level).save(path)
        return plan_tree(tmp_path / "in", tmp_path / "out", inputs=READ_SUFFIXES)

    return make
