"""The names of the package."""

from __future__ import annotations

import inspect

import pytest

import lcodec
import lcodec.pillow
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
    assert lcodec.register_pillow is lcodec.pillow.register


def test_every_signature_is_typed() -> None:
    methods = [f for name, f in vars(lcodec.Codec).items() if not name.startswith("_")]
    functions = [lcodec.encode, lcodec.decode, lcodec.inspect, lcodec.register_pillow]
    for function in [*functions, lcodec.Codec.__init__, *methods]:
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty, function
        for parameter in list(signature.parameters.values()):
            assert parameter.name == "self" or parameter.annotation is not parameter.empty


def test_every_error_is_public() -> None:
    for error in errors.LcodecError.__subclasses__():
        if error.__module__ == "lcodec.errors":
            assert error.__name__ in lcodec.__all__


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'torch'"):
        getattr(lcodec, "torch")  # noqa: B009
