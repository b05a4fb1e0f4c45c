"""Telling kinds of files apart by their first bytes, for helpful messages."""

from __future__ import annotations

import os

from lcodec.cli.paths import read_input
from lcodec.container import is_lic
from lcodec.errors import FormatError, InputError
from lcodec.kinds import HEAD_SIZE, read_kind, unread_kind


def refuse_picture(data: bytes) -> None:
    """Reject a picture where a ``.lic`` file is needed.

    Raises:
        FormatError: it is one.
    """
    kind = read_kind(data)
    if kind is not None:
        raise FormatError(f"not a .lic file but {kind}; did you mean `lcodec encode`?")
    other = unread_kind(data)
    if other is not None:
        raise FormatError(f"not a .lic file but {other}")


def refuse_lic(data: bytes) -> None:
    """Reject a ``.lic`` file where a picture is needed.

    Raises:
        InputError: it is one.
    """
    if is_lic(data):
        raise InputError("is a .lic file already; did you mean `lcodec decode`?")


def peek(source: str) -> bytes:
    """The first bytes of a regular file; none of other files, where reading would lose them.

    Raises:
        InputError: the file cannot be read.
    """
    return read_input(source, HEAD_SIZE) if os.path.isfile(source) else b""
