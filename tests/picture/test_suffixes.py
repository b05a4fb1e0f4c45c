"""The suffixes that light code knows are those that pictures are read and written with."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lcodec.cli.routes import ENCODE, REPACK, settle
from lcodec.errors import UsageError
from lcodec.picture import format_of_suffix, probe, reader, save, writer
from lcodec.suffixes import (
    HEIF_IS_READ,
    HEIF_SUFFIXES,
    PICTURE_SUFFIXES,
    READ_SUFFIXES,
    WRITE_SUFFIXES,
)

RARE = {".jif"}
"""A suffix of JPEG that Pillow does not list."""
NO_PICTURES = {".bufr", ".grib", ".h5", ".hdf", ".mpeg", ".mpg", ".pdf"}


def test_suffixes() -> None:
    assert frozenset(writer._FORMATS) == WRITE_SUFFIXES
    Image.init()
    registered = dict(Image.registered_extensions())
    registered.pop(".lic", None)  # the plugin of this package, if another test registered it
    formats = {suffix: registered[suffix] for suffix in READ_SUFFIXES - RARE - HEIF_SUFFIXES}
    assert set(formats.values()) - {"MPO"} <= set(reader._FORMATS)  # MPO is opened as JPEG
    assert WRITE_SUFFIXES <= READ_SUFFIXES <= PICTURE_SUFFIXES
    readable = {suffix for suffix, name in registered.items() if name in reader._FORMATS}
    assert readable - READ_SUFFIXES == {".pfm"}  # samples are floating-point
    assert set(registered) - NO_PICTURES <= PICTURE_SUFFIXES
    assert (HEIF_SUFFIXES if HEIF_IS_READ else set()) == READ_SUFFIXES & HEIF_SUFFIXES


def test_formats_are_those_that_are_written(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16), np.uint8)
    for suffix in WRITE_SUFFIXES:
        path = tmp_path / f"a{suffix}"
        save(pixels, path)
        assert probe(path)[2] == format_of_suffix(suffix) == format_of_suffix(suffix.upper())


def test_a_format_that_pillow_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.init()
    for suffix in WRITE_SUFFIXES:
        with monkeypatch.context() as patch:
            patch.setattr(Image, "EXTENSION", {})
            patch.setattr(Image, "SAVE", {})
            words = re.escape(f"the installed Pillow does not write {suffix} files")
            with pytest.raises(UsageError, match=f"^{words}$"):
                format_of_suffix(suffix)
            with pytest.raises(UsageError, match=rf"a{re.escape(suffix)}: {words}$"):
                save(np.zeros((2, 2), np.uint8), tmp_path / f"a{suffix}")
    assert not list(tmp_path.iterdir())


def test_no_output_is_called_like_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").write_bytes(b"anything")
    for suffix in sorted(PICTURE_SUFFIXES):
        for route in (ENCODE, REPACK):
            for name in (f"o{suffix}", f"o{suffix.upper()}"):
                with pytest.raises(UsageError, match=r"not a picture; name it o\.lic"):
                    settle(route, "in", name, force=False, as_json=False)
