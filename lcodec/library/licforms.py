"""The forms in which a caller may hand over the bytes of a ``.lic`` file; imports nothing heavy."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeAlias, TypeGuard

from lcodec import container
from lcodec.container import Buffer, Description, FileReader, LicFile
from lcodec.container.reader import as_view
from lcodec.errors import UsageError
from lcodec.limits import DecoderLimits, chosen
from lcodec.process.failures import own_errors, readable

AnyBytes: TypeAlias = "Buffer | str | os.PathLike[str] | BinaryIO"
AnyFile: TypeAlias = "AnyBytes | LicFile | FileReader"
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
    with readable(_called(source)):
        if isinstance(source, (str, os.PathLike)):
            with open(source, "rb") as stream:
                return load(stream, limits)
        return load(source, limits)


def _called(source: str | os.PathLike[str] | BinaryIO) -> str:
    """What messages call a file."""
    return os.fspath(source) if isinstance(source, (str, os.PathLike)) else "the file"


@contextmanager
def opened(data: AnyFile, limits: DecoderLimits) -> Iterator[LicFile | FileReader]:
    """A file in any form whose parts can be read one by one, open inside the block.

    From a path or a seekable binary file, only what is asked for is read. A binary file is read
    from where it is, and if it can seek it is there again at the end. The picture may be of
    any size: the limits apply to the parts that are decoded, and to sections and metadata.

    Raises:
        UsageError: ``data`` has none of the forms.
        InputError: the file cannot be read, or is beyond a limit.
        FormatError, UnsupportedError: the file is damaged or of another kind.
    """
    limits = limits.for_parts()
    if isinstance(data, (LicFile, FileReader)):
        yield data
    elif isinstance(data, (bytes, bytearray, memoryview)):
        yield FileReader(io.BytesIO(as_view(data)), limits=limits)
    elif not is_file(data):
        raise no_file(data)
    elif isinstance(data, (str, os.PathLike)):
        with readable(_called(data)):
            stream = open(data, "rb")  # noqa: SIM115
        with stream, _seekable(stream, limits) as seekable:
            yield FileReader(seekable, limits=limits)
    else:
        with _seekable(data, limits) as seekable:
            yield FileReader(seekable, limits=limits)


@contextmanager
def _seekable(stream: BinaryIO, limits: DecoderLimits) -> Iterator[BinaryIO]:
    """The stream itself, set back at the end to where it was; what is left of it, if it cannot."""
    with readable(_called(stream)):
        seeks = hasattr(stream, "seekable") and stream.seekable()
        position = stream.tell() if seeks else 0
    if not seeks:
        yield io.BytesIO(content(stream, limits))
        return
    try:
        yield stream
    finally:
        if not getattr(stream, "closed", False):
            stream.seek(position)


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
