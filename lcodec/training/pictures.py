"""Load training pictures from a folder or from a pack, which is a zip archive of them."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from lcodec.batch.search import find
from lcodec.errors import InputError
from lcodec.picture import READ_SUFFIXES, load
from lcodec.picture.convert import reduced_to_bytes
from lcodec.process.failures import decodable
from lcodec.suffixes import is_sought

Pixels = NDArray[np.uint8]
T = TypeVar("T")
R = TypeVar("R")


def picture_files(folder: Path) -> list[Path]:
    """All pictures below ``folder``, sorted by path; hidden ones are left out.

    Raises:
        InputError: a folder cannot be listed.
    """
    found = find(folder, READ_SUFFIXES)
    for problem in found.problems:
        raise InputError(problem.error)
    return sorted(folder / path for path in found.files)


def load_rgb(source: Path | BinaryIO, name: str | None = None) -> Pixels:
    """A picture upright, in 8 bits and RGB, without its alpha: (height, width, 3).

    ``name`` is that of a stream in errors.

    Raises:
        InputError: it cannot be read.
    """
    pixels = reduced_to_bytes(load(source, metadata=False, name=name).pixels)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def on_all_cores(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Map over all cores, results in order; for work that releases the GIL, such as Pillow's."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


def identity(pictures: Sequence[Pixels]) -> tuple[int, int, str]:
    """What tells whether pictures are those of an earlier time.

    Their number, their total number of pixels, and a digest of order, sizes and every 16th row.
    """
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(repr(picture.shape).encode())
        digest.update(np.ascontiguousarray(picture[::16]).data)
    pixels = sum(picture.shape[0] * picture.shape[1] for picture in pictures)
    return len(pictures), pixels, digest.hexdigest()[:32]


def load_pictures(source: Path, limit: int | None = None) -> list[Pixels]:
    """The first ``limit`` pictures of a folder or a pack by name, each (height, width, 3).

    Raises:
        InputError: there is no picture, or one cannot be read.
    """
    loaders = (_of_folder if source.is_dir() else _of_pack)(source)[:limit]
    if not loaders:
        raise InputError(f"no pictures found in {source}")
    return on_all_cores(lambda loader: loader(), loaders)


Loader = Callable[[], Pixels]


def _of_folder(folder: Path) -> list[Loader]:
    return [partial(load_rgb, path) for path in picture_files(folder)]


def _of_pack(pack: Path) -> list[Loader]:
    fault = "neither a folder nor a pack of pictures"
    with decodable(str(pack), fault), zipfile.ZipFile(pack) as archive:
        names = sorted(n for n in archive.namelist() if is_sought(Path(n), READ_SUFFIXES))
        held = {name: archive.read(name) for name in names}
    return [partial(load_rgb, io.BytesIO(held[name]), f"{pack}: {name}") for name in names]
