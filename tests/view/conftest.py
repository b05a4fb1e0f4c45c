"""Files for the viewer."""

from __future__ import annotations

from pathlib import Path

import pytest

import lcodec
from tests.tinymodel import picture

EVIL = "<script>alert(1)<"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, one of them with a name that would be markup, and one that is damaged."""
    data = lcodec.encode(picture(40, 300), device="cpu")
    (tmp_path / "a.lic").write_bytes(data)
    (tmp_path / f"{EVIL}.lic").write_bytes(data)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "c.lic").write_bytes(data)
    (tmp_path / "bad.lic").write_bytes(data[:-30])
    return tmp_path
