"""Reading the ``.lic`` files given to a command."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from lcodec import container
from lcodec.cli.paths import STANDARD
from lcodec.cli.sniff import refuse_picture
from lcodec.container import FileReader
from lcodec.errors import InputError
from lcodec.kinds import HEAD_SIZE
from lcodec.limits import DecoderLimits

Load = Callable[[BinaryIO, DecoderLimits, bytes], bytearray]


def read_lic(source: str, limits: DecoderLimits) -> bytearray:
    """The bytes of a file or of standard input, up to the limits.

    Raises:
        InputError: it cannot be read, or exceeds a limit.
        FormatError, UnsupportedError: as `lcodec.container.load`, or a picture.
    """
    return _read(source, limits, container.load)


def read_damaged(source: str, limits: DecoderLimits) -> bytearray:
    """The same for a file that may be damaged behind its header: all that can be read."""
    return _read(source, limits, container.load_damaged)


@contextmanager
def opened(source: str, limits: DecoderLimits) -> Iterator[FileReader]:
    """A file that is read only as needed, or whole if it cannot seek.

    The picture may be of any size: what is decoded of it has a limit of its own.

    Raises:
        InputError, FormatError, UnsupportedError: as `read_lic`.
    """
    limits = limits.for_parts()
    if not os.path.isfile(source):
        yield FileReader(io.BytesIO(read_lic(source, limits)), limits=limits)
        return
    try:
        stream = open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}") from error
    with stream:
        yield FileReader(stream, limits=limits)


def _read(source: str, limits: DecoderLimits, load: Load) -> bytearray:
    with ExitStack() as stack:
        try:
            standard = source == STANDARD
            stream = sys.stdin.buffer if standard else stack.enter_context(open(source, "rb"))
            head = stream.read(HEAD_SIZE)
            refuse_picture(head)
            return load(stream, limits, head)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or error}") from error
