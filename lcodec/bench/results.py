"""Results of a benchmark as plain data, and their JSON form."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lcodec.bench.curves import Curve
from lcodec.bench.kodak import is_kodak
from lcodec.container import DEFAULT_TILE_EDGE
from lcodec.errors import InputError
from lcodec.tunes import TuneName

SCHEMA = 1
ROUNDING = 16
"""Bytes by which the streams of a tile may exceed the estimate: two words each, at their ends."""


@dataclass(frozen=True)
class PictureResult:
    """One picture at one quality. Times in seconds; stages by name.

    ``sha256`` is that of the file, ``pixels_sha256`` that of the source (`lcodec.bench.kodak`), ""
    in figures of versions that did not store it.

    ``ms_ssim`` and ``ssimulacra2`` are None if the picture is too small for them.

    ``psnr`` is in dB and infinite if the picture came back exactly (null in JSON).

    ``layer_bytes`` is the size of the lossless layers, 0 in figures of versions without them;
    ``stream_bytes`` that of the coded latents, None in figures of versions that did not store it.

    ``alpha`` says whether the source has alpha that is not opaque, which is left out of the file;
    False in figures of versions that did not store it.
    """

    picture: str
    quality: int
    width: int
    height: int
    channels: int
    bytes: int
    sha256: str
    pixels_sha256: str
    psnr: float
    ms_ssim: float | None
    ssimulacra2: float | None
    estimated_bits_y: float
    estimated_bits_z: float
    encode_seconds: float
    decode_seconds: float
    encode_stages: dict[str, float]
    decode_stages: dict[str, float]
    layer_bytes: int = 0
    stream_bytes: int | None = None
    alpha: bool = False

    @property
    def bpp(self) -> float:
        """Bits per pixel of the whole file."""
        return 8.0 * self.bytes / (self.width * self.height)

    @property
    def coded_bpp(self) -> float | None:
        """Bits per pixel of what `estimated_bpp` is of: the file without its container."""
        if self.stream_bytes is None:
            return None
        return 8.0 * (self.stream_bytes + self.layer_bytes) / (self.width * self.height)

    @property
    def rounding_bpp(self) -> float:
        """What whole words at the ends of the streams may cost at most, in bits per pixel."""
        tiles = -(-self.width // DEFAULT_TILE_EDGE) * -(-self.height // DEFAULT_TILE_EDGE)
        return 8.0 * ROUNDING * tiles / (self.width * self.height)

    @property
    def estimated_bpp(self) -> float:
        """Bits per pixel by the entropy model's probabilities alone, and of lossless layers."""
        bits = self.estimated_bits_y + self.estimated_bits_z + 8.0 * self.layer_bytes
        return bits / (self.width * self.height)


@dataclass(frozen=True)
class QualityMean:
    """Means over all pictures at one quality; a measure is None unless every picture has it."""

    quality: int
    bpp: float
    psnr: float
    ms_ssim: float | None
    ssimulacra2: float | None
    estimated_bpp: float
    encode_seconds: float
    decode_seconds: float
    coded_bpp: float | None
    rounding_bpp: float

    @property
    def rate_difference(self) -> float:
        """Percent by which what was coded exceeds the estimate; nan if either is unknown.

        Header, sections and metadata do not count: the estimate is not of them.
        """
        if self.coded_bpp is None or self.estimated_bpp <= 0.0:
            return math.nan
        return 100.0 * (self.coded_bpp / self.estimated_bpp - 1.0)

    def is_off(self, percent: float) -> bool:
        """Whether the difference is more than ``percent``, and more than words at the ends cost."""
        if self.coded_bpp is None or not abs(self.rate_difference) > percent:
            return False
        return not 0.0 <= self.coded_bpp - self.estimated_bpp <= self.rounding_bpp


@dataclass(frozen=True)
class BenchResult:
    """All results of one run, in the order measured: picture by picture, quality by quality.

    ``peers`` are the mean curves of other codecs on the same pictures; ``tune`` is what the codec
    is optimised for, None if unknown, as in figures of versions that did not store it.
    """

    name: str
    qualities: tuple[int, ...]
    pictures: tuple[str, ...]
    results: tuple[PictureResult, ...]
    startup_seconds: float | None
    machine: dict[str, str]
    peers: tuple[Curve, ...] = ()
    tune: str | None = None

    @property
    def is_visual(self) -> bool:
        """Whether the codec is made for the eye."""
        return self.tune == TuneName.VISUAL

    def is_kodak(self) -> bool:
        """Whether the pictures are the 24 Kodak pictures, by their pixels."""
        return is_kodak({row.picture: row.pixels_sha256 for row in self.results}.values())

    def means(self) -> list[QualityMean]:
        """Means over the pictures, one entry per quality, by increasing quality."""
        return [self._mean(quality) for quality in sorted(self.qualities)]

    def curve(self) -> Curve:
        """The mean rate-distortion curve, a point per quality: mean bpp and mean PSNR."""
        points = [(m.bpp, m.psnr, m.ms_ssim, m.ssimulacra2) for m in self.means()]
        return Curve.from_points(self.name, points, source="measured with real files")

    def _mean(self, quality: int) -> QualityMean:
        rows = [row for row in self.results if row.quality == quality]
        return QualityMean(
            quality=quality,
            bpp=_mean([row.bpp for row in rows]),
            psnr=_mean([row.psnr for row in rows]),
            ms_ssim=mean_of_all([row.ms_ssim for row in rows]),
            ssimulacra2=mean_of_all([row.ssimulacra2 for row in rows]),
            estimated_bpp=_mean([row.estimated_bpp for row in rows]),
            encode_seconds=_mean([row.encode_seconds for row in rows]),
            decode_seconds=_mean([row.decode_seconds for row in rows]),
            coded_bpp=mean_of_all([row.coded_bpp for row in rows]),
            rounding_bpp=_mean([row.rounding_bpp for row in rows]),
        )


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def mean_of_all(values: list[float | None]) -> float | None:
    """The mean of a measure; None unless every value is known."""
    known = [value for value in values if value is not None]
    return _mean(known) if len(known) == len(values) else None


def result_to_json(result: BenchResult) -> str:
    """Strict JSON of all figures, including each picture's bpp."""
    tree = {"schema": SCHEMA, **asdict(result)}
    tree["results"] = [{**asdict(row), "bpp": row.bpp} for row in result.results]
    return json.dumps(without_infinities(tree), indent=1, allow_nan=False) + "\n"


def load_result(path: str | os.PathLike[str]) -> BenchResult:
    """Read back what `result_to_json` wrote.

    Raises:
        InputError: the file is missing, or of another kind.
    """
    try:
        tree = json.loads(Path(path).read_text("utf-8"))
        if tree["schema"] != SCHEMA:
            raise InputError(f"{path}: benchmark results of an incompatible version")
        result = BenchResult(
            name=str(tree["name"]),
            qualities=tuple(int(quality) for quality in tree["qualities"]),
            pictures=tuple(str(name) for name in tree["pictures"]),
            results=tuple(_picture_result(row) for row in tree["results"]),
            startup_seconds=_number(tree["startup_seconds"]),
            machine={str(name): str(value) for name, value in tree["machine"].items()},
            peers=tuple(_peer(entry) for entry in tree.get("peers", ())),
            tune=None if tree.get("tune") is None else str(tree["tune"]),
        )
        if not result.results or {row.quality for row in result.results} != set(result.qualities):
            raise ValueError("the results are not of the quality levels named")
        return result
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a file of benchmark results") from error


def _picture_result(row: dict[str, Any]) -> PictureResult:
    """Parse a row; raises the errors that `load_result` expects."""
    psnr = _number(row["psnr"])
    result = PictureResult(
        picture=str(row["picture"]),
        quality=int(row["quality"]),
        width=int(row["width"]),
        height=int(row["height"]),
        channels=int(row["channels"]),
        bytes=int(row["bytes"]),
        sha256=str(row["sha256"]),
        pixels_sha256=str(row.get("pixels_sha256", "")),
        psnr=math.inf if psnr is None else psnr,
        ms_ssim=_number(row["ms_ssim"]),
        ssimulacra2=_number(row.get("ssimulacra2")),
        estimated_bits_y=float(row["estimated_bits_y"]),
        estimated_bits_z=float(row["estimated_bits_z"]),
        encode_seconds=float(row["encode_seconds"]),
        decode_seconds=float(row["decode_seconds"]),
        encode_stages={str(name): float(value) for name, value in row["encode_stages"].items()},
        decode_stages={str(name): float(value) for name, value in row["decode_stages"].items()},
        layer_bytes=int(row.get("layer_bytes", 0)),
        stream_bytes=None if row.get("stream_bytes") is None else int(row["stream_bytes"]),
        alpha=bool(row.get("alpha", False)),
    )
    if min(result.width, result.height, result.bytes) < 1:
        raise ValueError("a picture without pixels, or without bytes")
    return result


def _peer(entry: dict[str, Any]) -> Curve:
    columns = [entry["bpp"], [math.inf if value is None else value for value in entry["psnr"]]]
    columns += [entry[name] or [None] * len(entry["bpp"]) for name in ("ms_ssim", "ssimulacra2")]
    words = {name: str(entry[name]) for name in ("title", "source", "kind")}
    return Curve.from_points(str(entry["name"]), list(zip(*columns, strict=True)), **words)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def without_infinities(tree: Any) -> Any:
    """The tree with every infinite or NaN number replaced by None, for strict JSON."""
    if isinstance(tree, dict):
        return {key: without_infinities(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [without_infinities(value) for value in tree]
    if isinstance(tree, float) and not math.isfinite(tree):
        return None
    return tree
