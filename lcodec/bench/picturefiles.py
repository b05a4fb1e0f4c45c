"""Reading pictures to compare, from picture files and ``.lic`` files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lcodec import container, decode
from lcodec.container import LicFile
from lcodec.errors import InputError, LcodecError
from lcodec.kinds import HEAD_SIZE
from lcodec.metrics.compare import PictureFile, check_sizes
from lcodec.picture import Picture, load, probe


@dataclass(frozen=True)
class _Opened:
    """A file whose picture size is known; a ``.lic`` file is checked, but not yet decoded."""

    name: str
    size: int
    content: Picture | LicFile
    data: bytes = b""

    @property
    def sides(self) -> tuple[int, int]:
        """Width and height."""
        shown = self.content.header if isinstance(self.content, LicFile) else self.content
        return shown.width, shown.height


def read_files(
    names: Sequence[str | os.PathLike[str]], *, device: str = "auto"
) -> list[PictureFile]:
    """The pictures in files, which must be of the same size; ``.lic`` files are decoded.

    Sizes are compared before any networks run.

    Raises:
        InputError: a file is missing, or a picture cannot be read.
        FormatError, UnsupportedError, WeightsError, MismatchError: a ``.lic`` file cannot be
            decoded.
        UsageError: pictures of different sizes.
    """
    opened = [_open(os.fspath(name)) for name in names]
    check_sizes([(file.name, *file.sides) for file in opened])
    return [_decoded(file, device) for file in opened]


def _open(name: str) -> _Opened:
    path = Path(name)
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_SIZE)
            is_lic = container.is_lic(head)
            data = bytes(container.load(stream, start=head)) if is_lic else b""
            file = container.read(data) if data else None
        size = len(data) or path.stat().st_size
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from error
    except LcodecError as error:
        raise type(error)(f"{name}: {error}") from error
    if file is None:
        return _Opened(name, size, load(path))
    return _Opened(name, size, file, data)


def _decoded(file: _Opened, device: str) -> PictureFile:
    if isinstance(file.content, Picture):
        kind = probe(file.name)[2]
        return PictureFile(file.name, kind, file.size, file.content)
    kind = f"LIC, quality {file.content.header.quality}"
    try:
        picture = decode(file.data, device=device).picture
    except LcodecError as error:
        raise type(error)(f"{file.name}: {error}") from error
    return PictureFile(file.name, kind, file.size, picture)
