"""The Python examples of the documents run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.picture.samples import exif
from tests.tinymodel import picture

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize(("document", "count"), [("docs/guides/python.md", 16), ("README.md", 1)])
def test_examples_run(
    document: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    Image.fromarray(picture(64, 96)).save("photo.png", exif=b"Exif\0\0" + exif())
    names: dict[str, Any] = {}
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) >= count
    for block in blocks:
        # Empty lines in front, so that a traceback has the line of the document.
        before = "\n" * text[: block.start(1)].count("\n")
        exec(compile(before + block[1], document, "exec"), names)
