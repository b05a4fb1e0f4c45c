"""Pack training pictures into one small file, for transfers that must be small.

    python tools/pack_pictures.py pictures pack.zip [--scale 0.65] [--megabytes 36]

Every picture in the folder is shrunk to ``--scale`` of its sides, but its shorter side to no less
than ``--side`` pixels, the size of the largest crops in a usual run; none is enlarged. All are
encoded again (AVIF 4:4:4 by default) at one quality: the highest one up to 95 for which the pack
has at most ``--megabytes`` (of 10^6 bytes). The pack is a zip archive that `lcodec train --data`
accepts instead of a folder.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from lcodec.errors import InputError, LcodecError, UsageError
from lcodec.process.atomic import atomic_write
from lcodec.training.pictures import load_rgb, on_all_cores, picture_files

FORMATS: dict[str, dict[str, Any]] = {
    "avif": {"format": "AVIF", "subsampling": "4:4:4", "speed": 8, "max_threads": 1},
    "webp": {"format": "WEBP", "method": 4},
    "jpeg": {"format": "JPEG", "subsampling": 0, "optimize": True},
}
QUALITY_MAX, QUALITY_MIN = 95, 10
SAMPLE = 32  # pictures used to choose the quality, before all are encoded
ENTRY_BYTES = 200  # overhead of the archive per picture; names are short


def shrunk(path: Path, scale: float, side: int) -> Image.Image:
    """The picture as RGB at ``scale``, with the shorter side at least ``side`` if it was before.

    Raises:
        InputError: it cannot be read.
    """
    picture = Image.fromarray(load_rgb(path))
    scale = min(1.0, max(scale, side / min(picture.size)))
    if scale == 1.0:
        return picture
    width, height = (max(1, round(scale * extent)) for extent in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def encoded(picture: Image.Image, kind: str, quality: int) -> bytes:
    """The file's bytes."""
    stream = io.BytesIO()
    picture.save(stream, quality=quality, **FORMATS[kind])
    return stream.getvalue()


def choose_quality(pictures: Sequence[Image.Image], kind: str, limit: float) -> int:
    """The highest quality at which the pictures have at most ``limit`` bytes each on average.

    Raises:
        UsageError: even the lowest quality needs more.
    """

    def fits(quality: int) -> bool:
        sizes = on_all_cores(lambda picture: len(encoded(picture, kind, quality)), pictures)
        return sum(sizes) <= limit * len(pictures)

    if fits(QUALITY_MAX):
        return QUALITY_MAX
    low, high = QUALITY_MIN, QUALITY_MAX
    if not fits(low):
        raise UsageError(f"{limit:.0f} bytes per picture: too few")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def pack(folder: Path, target: Path, scale: float, side: int, kind: str, limit: int) -> int:
    """Write the pack of at most ``limit`` bytes; returns the quality.

    Raises:
        InputError: no pictures, or one that cannot be read.
        UsageError: the pictures do not fit.
        OutputError: the pack cannot be written.
    """
    paths = picture_files(folder)
    if not paths:
        raise InputError(f"no pictures found in {folder}")

    def made(quality: int) -> bytes:
        files = on_all_cores(lambda path: encoded(shrunk(path, scale, side), kind, quality), paths)
        return _archive([path.relative_to(folder) for path in paths], files, kind)

    share = limit / len(paths) - ENTRY_BYTES
    sample = [shrunk(path, scale, side) for path in paths[:: max(1, len(paths) // SAMPLE)]]
    quality = choose_quality(sample, kind, share)
    archive = made(quality)
    while len(archive) > limit:  # the sample was easier than the rest
        if quality <= QUALITY_MIN:
            raise UsageError(f"{share:.0f} bytes per picture: too few")
        share *= limit / len(archive)
        quality = min(quality - 1, choose_quality(sample, kind, share))
        archive = made(quality)
    with atomic_write(target, overwrite=True) as stream:
        stream.write(archive)
    return quality


def _archive(names: Sequence[Path], files: Sequence[bytes], kind: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in zip(names, files, strict=True):
            # The old suffix is kept: names may differ only by it. Equal inputs give equal packs.
            entry = zipfile.ZipInfo(f"{name.as_posix()}.{kind}")
            archive.writestr(entry, data)
    return stream.getvalue()


def main(words: Sequence[str] | None = None) -> None:
    """Pack, and report the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--scale", type=float, default=0.65, help="scale of the sides, up to 1")
    parser.add_argument(
        "--side", type=int, default=384, help="least length of the shorter side in pixels"
    )
    parser.add_argument("--megabytes", type=float, default=36.0)
    parser.add_argument("--format", choices=FORMATS, default="avif")
    options = parser.parse_args(words)
    if not 0 < options.scale <= 1:
        parser.error(f"--scale {options.scale}: must be above 0 and up to 1")
    limit = int(options.megabytes * 1e6)
    try:
        quality = pack(
            options.folder, options.pack, options.scale, options.side, options.format, limit
        )
    except LcodecError as error:
        parser.exit(error.exit_code, f"{parser.prog}: {error}\n")
    size = options.pack.stat().st_size / 1e6
    print(f"{options.pack}: {size:.1f} MB, {options.format} at quality {quality}")


if __name__ == "__main__":
    main()
