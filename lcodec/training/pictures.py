"""Load training pictures from a folder or from a pack, which is a zip archive of them."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from lcodec.errors import InputError

Pixels = NDArray[np.uint8]
T = TypeVar("T")
R = TypeVar("R")

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".ppm"}


def picture_files(folder: Path) -> list[Path]:
    """All pictures below ``folder``, sorted by path."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)


def on_all_cores(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Map over all cores, results in order; for work that releases the GIL, such as Pillow's."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


def load_pictures(source: Path, limit: int | None = None) -> list[Pixels]:
    """The first ``limit`` pictures of a folder or a pack by name, each (height, width, 3).

    Raises:
        InputError: there is no picture, or one cannot be read.
    """
    loaders = (_of_folder if source.is_dir() else _of_pack)(source)[:limit]
    if not loaders:
        raise InputError(f"no pictures found in {source}")
    return on_all_cores(_decode, loaders)


Loader = tuple[str, Callable[[], bytes]]


def _of_folder(folder: Path) -> list[Loader]:
    return [(str(path), path.read_bytes) for path in picture_files(folder)]


def _of_pack(pack: Path) -> list[Loader]:
    try:
        with zipfile.ZipFile(pack) as archive:
            names = sorted(n for n in archive.namelist() if Path(n).suffix.lower() in SUFFIXES)
            held = {name: archive.read(name) for name in names}
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{pack}: neither a folder nor a pack of pictures: {error}") from None
    return [(f"{pack}: {name}", partial(bytes, data)) for name, data in held.items()]


def _decode(loader: Loader) -> Pixels:
    name, read = loader
    try:
        with Image.open(io.BytesIO(read())) as image:
            return np.asarray(image.convert("RGB"), dtype=np.uint8).copy()
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError(f"{name}: cannot be read: {error}") from None
