"""The names of the package."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import lcodec
import lcodec.pillow
from lcodec import errors
from lcodec.library import codec, licforms, shared
from lcodec.picture import from_array
from tests.tinymodel import picture


def test_every_public_name_is_there() -> None:
    for name in lcodec.__all__:
        assert getattr(lcodec, name) is not None
    assert dir(lcodec) == sorted(lcodec.__all__)


def test_names_are_those_of_their_modules() -> None:
    assert lcodec.encode is shared.encode
    assert lcodec.decode is shared.decode
    assert lcodec.Codec is codec.Codec
    assert lcodec.inspect is licforms.inspect
    assert lcodec.MismatchError is errors.MismatchError
    assert lcodec.register_pillow is lcodec.pillow.register


def test_every_signature_is_typed() -> None:
    methods = [f for name, f in vars(lcodec.Codec).items() if not name.startswith("_")]
    functions = [lcodec.encode, lcodec.decode, lcodec.inspect, lcodec.register_pillow]
    for function in [*functions, lcodec.Codec.__init__, *methods]:
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty, function
        for parameter in list(signature.parameters.values()):
            assert parameter.name == "self" or parameter.annotation is not parameter.empty


def test_what_a_codec_takes_is_explained() -> None:
    for name in list(inspect.signature(lcodec.Codec).parameters):
        assert f"``{name}" in (lcodec.Codec.__doc__ or ""), name


def test_every_error_is_public() -> None:
    for error in errors.LcodecError.__subclasses__():
        if error.__module__ == "lcodec.errors":
            assert error.__name__ in lcodec.__all__


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'torch'"):
        getattr(lcodec, "torch")  # noqa: B009


@pytest.mark.usefixtures("tiny_model")
def test_arrays_and_short_forms() -> None:
    levels = picture(20, 30)
    codec = lcodec.Codec(device="cpu")
    encoded = codec.encode_detailed(levels, 40)
    assert repr(encoded) == f"<lcodec.Encoded {len(encoded.data):,} bytes, quality 40>"
    assert repr(codec) == "<lcodec.Codec groupedmixer-visual on cpu>"
    decoded = codec.decode(encoded.data)
    assert np.asarray(decoded) is decoded.pixels
    assert np.array_equal(np.array(decoded), decoded.pixels)
    assert np.array(decoded) is not decoded.pixels
    assert np.asarray(decoded, np.float32).dtype == np.float32
    assert repr(decoded) == "<lcodec.Decoded 30x20 RGB, 8 bit, quality 40>"
    deep = lcodec.Picture(
        levels[..., 0].astype(np.uint16),
        alpha=levels[..., 1].astype(np.uint16),
        metadata=lcodec.Metadata(exif=b"x" * 1234),
    )
    assert repr(deep) == "<lcodec.Picture 30x20 gray with alpha, 16 bit>"
    assert repr(deep.metadata) == "<lcodec.Metadata EXIF 1,234 bytes>"
    assert repr(lcodec.Metadata()) == "<lcodec.Metadata none>"
    back = from_array(np.asarray(deep))
    assert np.array_equal(back.pixels, deep.pixels)
    assert back.alpha is not None
    assert deep.alpha is not None
    assert np.array_equal(back.alpha, deep.alpha)
    with pytest.raises(ValueError, match="needs a copy"):
        np.asarray(decoded, np.float32, copy=False)
