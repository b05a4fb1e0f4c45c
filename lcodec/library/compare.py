"""How far a picture is from another: the measures of ``lcodec compare``, from Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

from lcodec.container import is_lic
from lcodec.kinds import HEAD_SIZE
from lcodec.library.forms import AnyPicture, as_picture
from lcodec.library.licforms import AnyBytes, is_file
from lcodec.library.shared import decode
from lcodec.metrics.compare import Figures, figures_of
from lcodec.picture import Picture, load
from lcodec.picture.reader import seekable
from lcodec.process.failures import own_errors, readable
from lcodec.suffixes import LIC

Comparable: TypeAlias = "AnyPicture | AnyBytes"


@own_errors("comparing")
def compare(reference: Comparable, other: Comparable) -> Figures:
    """PSNR, MS-SSIM and SSIMULACRA2 of a picture against a reference of the same size.

    Both in any form that `lcodec.encode` or `lcodec.decode` takes. Pictures are aligned as by
    ``lcodec compare``: a gray one counts as colours if the other has them, 8 bits as 16; what is
    invisible in the reference does not count.

    Raises:
        UsageError: pictures of different sizes, or something that is none of these forms.
        InputError and others: as `lcodec.decode` and `lcodec.encode`, for what cannot be read.
    """
    return figures_of(_picture(reference), _picture(other))


def _picture(given: Comparable) -> Picture:
    if isinstance(given, (bytes, bytearray, memoryview)):
        return decode(given).picture
    if isinstance(given, (str, os.PathLike)) and _is_lic(Path(given)):
        return decode(given).picture
    if is_file(given) and not isinstance(given, (str, os.PathLike)):
        with readable("the file"):
            stream = seekable(given)
            start = stream.tell()
            ours = is_lic(stream.read(HEAD_SIZE))
            stream.seek(start)
        return decode(stream).picture if ours else load(stream)
    return as_picture(given)


def _is_lic(path: Path) -> bool:
    """Whether a file is one of ours, by its content; or by its name, if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return is_lic(stream.read(HEAD_SIZE))
    except (OSError, ValueError):  # the latter of a path that has a NUL
        return path.suffix.lower() == LIC
