"""The forms in which a caller may hand over the bytes of a ``.lic`` file; imports nothing heavy."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import BinaryIO, TypeAlias, TypeGuard

from lcodec import container
from lcodec.container import Buffer, Description
from lcodec.edge import own_errors
from lcodec.errors import InputError, UsageError
from lcodec.limits import DecoderLimits, chosen

AnyBytes: TypeAlias = "Buffer | str | os.PathLike[str] | BinaryIO"
Load: TypeAlias = Callable[[BinaryIO, DecoderLimits | None], bytearray]


@own_errors("reading")
def inspect(
    data: AnyBytes, *, max_pixels: int | None = None, limits: DecoderLimits | None = None
) -> Description:
    """Check a file (bytes, a path or a binary file) and return what it holds, without weights.

    Raises:
        UsageError: ``data`` has none of these forms.
        InputError: the file cannot be read, or is beyond the limits.
        FormatError, UnsupportedError: it is damaged or of another kind.
    """
    bounds = chosen(max_pixels, limits)
    return container.describe(as_bytes(data, bounds), limits=bounds)


def as_bytes(
    data: AnyBytes, limits: DecoderLimits | None = None, load: Load = container.load
) -> Buffer:
    """The bytes of a file in any form, of which ``load`` reads no more than needed.

    Raises:
        UsageError: ``data`` has none of these forms.
        InputError: the file cannot be read, or is beyond the ``limits``.
        FormatError, UnsupportedError: as ``load``.
    """
    if isinstance(data, (bytes, bytearray, memoryview)):
        return data
    if not is_file(data):
        raise no_file(data)
    return content(data, limits, load)


def content(
    source: str | os.PathLike[str] | BinaryIO,
    limits: DecoderLimits | None,
    load: Load = container.load,
) -> bytearray:
    """The bytes of a ``.lic`` file; raises InputError if it cannot be read, or as ``load``."""
    try:
        if isinstance(source, (str, os.PathLike)):
            with open(source, "rb") as stream:
                return load(stream, limits)
        return load(source, limits)
    except (OSError, ValueError, TypeError) as error:
        name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else "the file"
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{name}: no such file") from None
        reason = error.strerror if isinstance(error, OSError) else None
        raise InputError(f"{name}: cannot be read: {reason or error}") from error


def is_file(value: object) -> TypeGuard[str | os.PathLike[str] | BinaryIO]:
    """Whether a value is a path or an open binary file."""
    if isinstance(value, (str, os.PathLike)):
        return True
    return hasattr(value, "read") and not isinstance(value, io.TextIOBase)


def no_file(value: object) -> UsageError:
    """The error for what is not a ``.lic`` file in any form."""
    return UsageError(f"a .lic file is bytes, a path or a binary file, not {named(value)}")


def named(value: object) -> str:
    """What messages call a value of the wrong type."""
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0] in 'aeioAEIO' else 'a'} {kind}"
