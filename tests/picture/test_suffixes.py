"""The suffixes that light code knows are those that pictures are read and written with."""

from __future__ import annotations

from PIL import Image

from lcodec.picture import reader, writer
from lcodec.suffixes import READ_SUFFIXES, WRITE_SUFFIXES


def test_suffixes() -> None:
    assert frozenset(writer._FORMATS) == WRITE_SUFFIXES
    Image.init()
    formats = {suffix: Image.registered_extensions()[suffix] for suffix in READ_SUFFIXES}
    assert set(formats.values()) - {"MPO"} <= set(reader._FORMATS)  # MPO is opened as JPEG
    assert WRITE_SUFFIXES <= READ_SUFFIXES
