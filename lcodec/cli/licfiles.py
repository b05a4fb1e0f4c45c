"""Reading the ``.lic`` files that a command is given."""

from __future__ import annotations

import sys
from contextlib import ExitStack

from lcodec import container
from lcodec.cli.paths import STANDARD
from lcodec.cli.sniff import HEAD_SIZE, refuse_picture
from lcodec.errors import InputError
from lcodec.limits import DecoderLimits


def read_lic(source: str, limits: DecoderLimits) -> bytearray:
    """The bytes of a file or of standard input, no more than a file within the limits has.

    Raises:
        InputError: it cannot be read, or is beyond a limit.
        FormatError, UnsupportedError: as `lcodec.container.load`, or a picture.
    """
    with ExitStack() as stack:
        try:
            standard = source == STANDARD
            stream = sys.stdin.buffer if standard else stack.enter_context(open(source, "rb"))
            head = stream.read(HEAD_SIZE)
            refuse_picture(head)
            return container.load(stream, limits, head)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or error}") from error
