"""What the library cannot do for want of memory, stack or range is one of its own errors."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lcodec
from lcodec.errors import InputError, OutOfMemoryError, OutputError, UsageError
from lcodec.library.shared import shared_codec
from lcodec.picture import Metadata, Picture, load
from lcodec.pipeline.encoder import Encoder
from lcodec.pipeline.tiles import LatentCoder
from lcodec.process.failures import lacks_memory, own_errors, without_temporary_folder

ERRORS = {
    "memory": MemoryError(),
    "stack": RecursionError("maximum recursion depth exceeded"),
    "range": OverflowError("Python int too large to convert to C long"),
    "torch": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 TB"),
}


def failing(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("name", ERRORS)
def test_encoding_and_decoding(
    name: str, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.zeros((16, 16), np.uint8)
    data = lcodec.encode(pixels, device="cpu")
    monkeypatch.setattr(LatentCoder, "decode_tiles", failing(ERRORS[name]))
    with pytest.raises(InputError, match="decoding") as caught:
        lcodec.decode(data, device="cpu")
    assert caught.value.__cause__ is ERRORS[name]
    with pytest.raises(InputError, match="decoding"):
        shared_codec(device="cpu").decode_symbols(data)
    for method in ("make_file", "make_files"):
        monkeypatch.setattr(Encoder, method, failing(ERRORS[name]))
    with pytest.raises(InputError, match="encoding"):
        lcodec.encode(pixels, device="cpu")
    with pytest.raises(InputError, match="encoding"):
        shared_codec(device="cpu").encode_many([pixels])


@pytest.mark.parametrize("name", ERRORS)
def test_reading_a_picture(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    Image.new("L", (3, 2)).save(buffer, "PNG")
    monkeypatch.setattr(Image, "open", failing(ERRORS[name]))
    with pytest.raises(InputError):
        load(buffer)


def test_other_errors_stay_what_they_are() -> None:
    for error in (RuntimeError("shapes do not match"), ValueError("x"), InputError("y")):
        with pytest.raises(type(error), match=str(error)), own_errors("working"):
            raise error


@pytest.mark.parametrize("name", ERRORS)
def test_want_of_memory_has_a_class_of_its_own(name: str) -> None:
    with pytest.raises(InputError) as caught, own_errors("working"):
        raise ERRORS[name]
    assert isinstance(caught.value, OutOfMemoryError) == (name in ("memory", "torch"))
    assert caught.value.exit_code == InputError.exit_code
    there = pickle.loads(pickle.dumps(caught.value))
    named = type(there)(f"a.lic: {there}")  # as errors are given the name of a file
    for error in (caught.value, there, named):
        assert lacks_memory(error) == (name in ("memory", "torch"))


def test_words_of_a_name_are_no_want_of_memory() -> None:
    name = "out of memory card/photo.png"
    for error in (InputError(f"{name}: is no picture"), OSError(2, "No such file", name)):
        assert not lacks_memory(error)
    with pytest.raises(RuntimeError, match="unknown"), own_errors("working"):
        raise RuntimeError("unknown memory format")


def test_want_of_a_temporary_folder_is_recognised() -> None:
    known = without_temporary_folder(
        FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")
    )
    assert isinstance(known, OutputError)
    assert without_temporary_folder(FileNotFoundError(2, "No such file")) is None
    named = FileNotFoundError(2, "No such file or directory", "temporary directory/a.png")
    assert without_temporary_folder(named) is None


def test_what_nobody_would_decode_is_not_encoded(tiny_model: Path) -> None:
    with pytest.raises(InputError, match="too thin"):
        lcodec.encode(np.zeros((1, 1 << 18), np.uint8), device="cpu")
    bulky = Picture(np.zeros((8, 8), np.uint8), metadata=Metadata(xmp=bytes((1 << 26) + 1)))
    with pytest.raises(InputError, match="more metadata"):
        lcodec.encode(bulky, device="cpu")


def test_limits_of_a_call(tiny_model: Path) -> None:
    data = lcodec.encode(np.zeros((16, 16), np.uint8), device="cpu")
    assert lcodec.decode(data, device="cpu", limits=lcodec.DecoderLimits(pixels=256)).pixels.size
    for options in ({"max_pixels": 255}, {"limits": lcodec.DecoderLimits(pixels=255)}):
        with pytest.raises(InputError, match="255 pixels"):
            lcodec.decode(data, device="cpu", **options)
    with pytest.raises(UsageError, match="cannot be combined"):
        lcodec.decode(data, max_pixels=3, limits=lcodec.DecoderLimits())
