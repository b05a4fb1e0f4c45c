"""Measuring a codec on pictures with real files: rate, quality, time."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from lcodec.bench.kodak import pixels_hash
from lcodec.bench.results import BenchResult, PictureResult
from lcodec.container import Alpha
from lcodec.errors import InputError, LcodecError, UsageError
from lcodec.metrics.measures import measure
from lcodec.picture import READ_SUFFIXES, Picture, Samples, load
from lcodec.pipeline.sidedata import alpha_kind
from lcodec.process.atomic import atomic_write
from lcodec.process.outputs import make_folder
from lcodec.suffixes import LIC, is_sought

DEFAULT_QUALITIES = (0, 14, 28, 42, 57, 71, 85, 100)
"""Eight evenly spread levels, the minimum of the protocol."""

_WARMUP_SIDE = 256

_Source = str | os.PathLike[str]
_Made = TypeVar("_Made")


class EncodedFile(Protocol):
    """The result of an encoder: the bytes of the file, and figures about encoding."""

    @property
    def data(self) -> bytes:
        """The whole file."""

    @property
    def estimated_bits_y(self) -> float:
        """Bits of the latents by the entropy model's probabilities."""

    @property
    def estimated_bits_z(self) -> float:
        """Bits of the hyper-latents by their probabilities."""

    @property
    def layer_bytes(self) -> int:
        """Bytes of what is kept without loss."""

    @property
    def stream_bytes(self) -> int:
        """Bytes of the streams of latents and hyper-latents."""

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds by stage."""


class DecodedPicture(Protocol):
    """The result of a decoder: pixels (H, W) or (H, W, 3) of the source's type."""

    @property
    def pixels(self) -> Samples:
        """The decoded picture."""

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds by stage."""


class BenchCodec(Protocol):
    """A codec with its weights loaded; `lcodec.library.codec.Codec` is one."""

    def encode_detailed(self, pixels: Samples, quality: int, *, effort: int) -> EncodedFile:
        """Encode one picture."""

    def decode(self, data: bytes) -> DecodedPicture:
        """Decode one file."""


def timed_startup(make: Callable[[], _Made]) -> tuple[_Made, float]:
    """Make a codec, and return it with the seconds that took.

    To include all of the start-up, ``make`` should do the heavy imports itself.
    """
    start = time.perf_counter()
    made = make()
    return made, time.perf_counter() - start


def find_pictures(source: _Source | Sequence[_Source]) -> list[Path]:
    """The pictures in a folder, or those named.

    Those in a folder are found by suffix, without hidden ones and subfolders, sorted by name.

    Raises:
        InputError: the folder or a picture is missing, or there are no pictures.
    """
    listed = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    found: list[Path] = []
    for path in map(Path, listed):
        if path.is_dir():
            inside = sorted(path.iterdir())
            found += [p for p in inside if is_sought(p, READ_SUFFIXES) and p.is_file()]
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{path}: no such file or folder")
    if not found:
        raise InputError(f"{' '.join(map(str, listed)) or 'no source'}: no pictures found")
    return found


def run(
    codec: BenchCodec,
    source: _Source | Sequence[_Source],
    qualities: Sequence[int] = DEFAULT_QUALITIES,
    *,
    effort: int = 0,
    name: str = "lcodec",
    tune: str | None = None,
    keep: _Source | None = None,
    startup_seconds: float | None = None,
    progress: Callable[[int, int, PictureResult], None] | None = None,
    observe: Callable[[PictureResult, Picture, Samples], None] | None = None,
) -> BenchResult:
    """Encode and decode every picture at every quality and one effort, through files on the disk.

    The file is written, read back and decoded; its size gives the rate, the decoded pixels
    give PSNR, MS-SSIM and SSIMULACRA2. A small untimed encode and decode goes first, so that
    one-time work does not count for the first picture. Only pixels are encoded, without alpha and
    metadata. ``tune`` is what the codec is optimised for, if known. Files are kept in folder
    ``keep`` if given. ``progress(done, total, result)`` and ``observe(result, picture, decoded
    pixels)`` are called after each; the pixels are not kept otherwise.

    Raises:
        InputError: no pictures, or one that cannot be read.
        UsageError: no qualities, repeated ones or ones outside 0..100, or two pictures with the
            same name.
        OutputError: a file cannot be written.
        LcodecError: the codec returns a picture of another shape, or fails.
    """
    _check_qualities(qualities)
    pictures = find_pictures(source)
    names = [path.name for path in pictures]
    if len(set(names)) != len(names):
        raise UsageError("two of the pictures have the same file name")
    results: list[PictureResult] = []
    with _folder(keep) as folder:
        for number, path in enumerate(pictures):
            picture = load(path)
            if number == 0:
                _warm_up(codec, picture, qualities[0], effort)
            for quality in qualities:
                file = folder / f"{path.name}.q{quality:03d}{LIC}"
                row, decoded = _measure(codec, picture, path.name, quality, effort, file)
                results.append(row)
                if observe is not None:
                    observe(row, picture, decoded)
                if keep is None:
                    file.unlink()
                if progress is not None:
                    progress(len(results), len(pictures) * len(qualities), results[-1])
    return BenchResult(
        name=name,
        qualities=tuple(qualities),
        pictures=tuple(names),
        results=tuple(results),
        startup_seconds=startup_seconds,
        machine=machine_facts(),
        tune=tune,
    )


@contextmanager
def _folder(keep: _Source | None) -> Iterator[Path]:
    """The folder for the files: ``keep``, created if needed, or a temporary one."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="lcodec-bench-") as scratch:
            yield Path(scratch)
        return
    folder = Path(keep)
    make_folder(folder)
    yield folder


def _measure(
    codec: BenchCodec, picture: Picture, name: str, quality: int, effort: int, file: Path
) -> tuple[PictureResult, Samples]:
    """The figures of one picture at one quality and effort, and the decoded pixels."""
    start = time.perf_counter()
    encoded = codec.encode_detailed(picture.pixels, quality, effort=effort)
    encode_seconds = time.perf_counter() - start
    with atomic_write(file, overwrite=True) as stream:
        stream.write(encoded.data)
    data = file.read_bytes()
    start = time.perf_counter()
    decoded = codec.decode(data)
    decode_seconds = time.perf_counter() - start
    if decoded.pixels.shape != picture.pixels.shape:
        raise LcodecError(
            f"{name}: decoded to shape {decoded.pixels.shape}, not {picture.pixels.shape}"
        )
    found = measure(picture.pixels, decoded.pixels)
    row = PictureResult(
        picture=name,
        quality=quality,
        width=picture.width,
        height=picture.height,
        channels=picture.channels,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        pixels_sha256=pixels_hash(picture.pixels),
        psnr=found.psnr,
        ms_ssim=found.ms_ssim,
        ssimulacra2=found.ssimulacra2,
        estimated_bits_y=float(encoded.estimated_bits_y),
        estimated_bits_z=float(encoded.estimated_bits_z),
        encode_seconds=encode_seconds,
        decode_seconds=decode_seconds,
        encode_stages=dict(encoded.timings),
        decode_stages=dict(decoded.timings),
        layer_bytes=int(encoded.layer_bytes),
        stream_bytes=int(encoded.stream_bytes),
        alpha=alpha_kind(picture) is Alpha.PLANE,
    )
    return row, decoded.pixels


def _warm_up(codec: BenchCodec, picture: Picture, quality: int, effort: int) -> None:
    corner = np.ascontiguousarray(picture.pixels[:_WARMUP_SIDE, :_WARMUP_SIDE])
    codec.decode(codec.encode_detailed(corner, quality, effort=effort).data)


def _check_qualities(qualities: Sequence[int]) -> None:
    if not qualities:
        raise UsageError("at least one quality is needed")
    for quality in qualities:
        if not 0 <= quality <= 100:
            raise UsageError(f"quality {quality} is not in 0..100")
    if len(set(qualities)) != len(qualities):
        raise UsageError("a quality is given twice")


def machine_facts() -> dict[str, str]:
    """Facts that the times depend on, as far as they are readily known."""
    facts = {
        "system": f"{platform.system()} {platform.machine()}",
        "processors": str(os.cpu_count() or "unknown"),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        facts["torch"] = str(torch.__version__)
        facts["threads"] = str(torch.get_num_threads())
    return facts
