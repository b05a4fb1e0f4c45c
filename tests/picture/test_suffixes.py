"""The suffixes that light code knows are those that pictures are read and written with."""

from __future__ import annotations

from PIL import Image

from lcodec.picture import reader, writer
from lcodec.suffixes import PICTURE_SUFFIXES, READ_SUFFIXES, WRITE_SUFFIXES

RARE = {".jif"}
"""A suffix of JPEG that Pillow does not list."""
NO_PICTURES = {".bufr", ".grib", ".h5", ".hdf", ".mpeg", ".mpg", ".pdf"}


def test_suffixes() -> None:
    assert frozenset(writer._FORMATS) == WRITE_SUFFIXES
    Image.init()
    registered = Image.registered_extensions()
    formats = {suffix: registered[suffix] for suffix in READ_SUFFIXES - RARE}
    assert set(formats.values()) - {"MPO"} <= set(reader._FORMATS)  # MPO is opened as JPEG
    assert WRITE_SUFFIXES <= READ_SUFFIXES <= PICTURE_SUFFIXES
    readable = {suffix for suffix, name in registered.items() if name in reader._FORMATS}
    assert readable - READ_SUFFIXES == {".pfm"}  # samples are floating-point
    assert set(registered) - NO_PICTURES <= PICTURE_SUFFIXES
