"""The names of the package."""

from __future__ import annotations

import pytest

import lcodec
from lcodec import codec, container, errors


def test_every_public_name_is_there() -> None:
    for name in lcodec.__all__:
        assert getattr(lcodec, name) is not None
    assert set(lcodec.__all__) <= set(dir(lcodec))


def test_names_are_those_of_their_modules() -> None:
    assert lcodec.encode is codec.encode
    assert lcodec.decode is codec.decode
    assert lcodec.Codec is codec.Codec
    assert lcodec.inspect is container.describe
    assert lcodec.MismatchError is errors.MismatchError


def test_every_error_is_public() -> None:
    for error in errors.LcodecError.__subclasses__():
        if error.__module__ == "lcodec.errors":
            assert error.__name__ in lcodec.__all__


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'torch'"):
        getattr(lcodec, "torch")  # noqa: B009
