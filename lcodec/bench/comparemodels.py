"""Comparing entropy models on the same latents of the same pictures, with real streams."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lcodec import container
from lcodec.bench.macs import parameters, steps_and_macs
from lcodec.bench.runner import machine_facts
from lcodec.errors import InputError, LcodecError, UsageError
from lcodec.library.codec import Codec
from lcodec.picture import load
from lcodec.pipeline.symbols import PictureSymbols
from lcodec.pipeline.tally import BitTally

SCHEMA = 1
REFERENCE = "checkerboard"
"""The model to which rates and times are relative."""


@dataclass
class ModelFigures:
    """Figures of one model, summed over all pictures and qualities.

    Attributes:
        bytes: whole files. ``hyper_bytes``: the streams of z in them.
        estimated_bits: by the model's probabilities.
        encode_seconds, decode_seconds: the parse path alone (networks and range coder).
        cached_seconds, uncached_seconds: decoding of the same files with the context cache, and
            without it.
        peak_mib: peak memory of a decoding process, by megapixels.
    """

    name: str
    kind: str
    parameters: int
    steps: int
    mac_per_pixel: float
    bytes: int = 0
    hyper_bytes: int = 0
    estimated_bits: float = 0.0
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0
    cached_seconds: float = 0.0
    uncached_seconds: float = 0.0
    bytes_by_quality: dict[int, int] = field(default_factory=dict)
    peak_mib: dict[int, float] = field(default_factory=dict)

    @property
    def estimate_gap(self) -> float:
        """Percent by which the files exceed the estimate."""
        return 100.0 * (8 * self.bytes / self.estimated_bits - 1.0)

    @property
    def hyper_share(self) -> float:
        """Share of z in the file bytes."""
        return self.hyper_bytes / self.bytes if self.bytes else math.nan

    @property
    def cache_gain(self) -> float:
        """Speed-up of decoding by the context cache."""
        return self.uncached_seconds / self.cached_seconds if self.cached_seconds else math.nan


@dataclass
class Comparison:
    """All models over the same transforms and latents; ``reference`` is one of them."""

    reference: str
    qualities: tuple[int, ...]
    pictures: tuple[str, ...]
    models: list[ModelFigures]
    machine: dict[str, str]

    def of(self, name: str) -> ModelFigures:
        """The figures of one model."""
        return next(model for model in self.models if model.name == name)

    def relative_bytes(self, name: str, quality: int | None = None) -> float:
        """Percent by which the files, or those of one quality, exceed those of the reference."""
        own, other = self.of(name), self.of(self.reference)
        if quality is None:
            return 100.0 * (own.bytes / other.bytes - 1.0)
        return 100.0 * (own.bytes_by_quality[quality] / other.bytes_by_quality[quality] - 1.0)

    def to_json(self) -> str:
        """All figures."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Comparison:
        """Parse the output of `to_json`.

        Raises:
            InputError: the text is something else.
        """
        try:
            tree = json.loads(text)
            if tree.pop("schema") != SCHEMA:
                raise InputError("a comparison of an incompatible version")
            models = [_model_figures(model) for model in tree.pop("models")]
            qualities, pictures = tuple(tree.pop("qualities")), tuple(tree.pop("pictures"))
            return cls(models=models, qualities=qualities, pictures=pictures, **tree)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"not a comparison of entropy models: {error}") from error


def _model_figures(tree: dict[str, Any]) -> ModelFigures:
    numbered: dict[str, Any] = {  # JSON keys cannot be numbers
        name: {int(key): value for key, value in tree.pop(name).items()}
        for name in ("bytes_by_quality", "peak_mib")
    }
    return ModelFigures(**tree, **numbered)


def compare(
    names: Sequence[str],
    pictures: Sequence[Path],
    qualities: Sequence[int],
    *,
    device: str = "auto",
    uncached: int = 1,
    megapixels: Sequence[int] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Code the latents of every picture at every quality with every model.

    Every stream is decoded again and its symbols are compared. ``uncached`` pictures are also
    decoded without the context cache; ``megapixels`` are the sizes at which memory is measured.

    Raises:
        UsageError: fewer than two models, or models over different transforms.
        LcodecError: a model does not return the same symbols.
    """
    if len(set(names)) < 2 or len(set(names)) != len(names):
        raise UsageError("give at least two different models")
    codecs = {name: Codec(name, device, layers=False) for name in names}
    plain = {name: Codec(name, device, cached=False) for name in names} if uncached else {}
    if len({codec.loaded.transforms_id for codec in codecs.values()}) > 1:
        raise UsageError("the models are over different transforms")
    figures = {name: _figures(codec) for name, codec in codecs.items()}
    first = codecs[names[0]]
    first.decode(
        first.encode(np.zeros((64, 64, 3), np.uint8))
    )  # so that one-time work is not counted
    done, total = 0, len(pictures) * len(qualities) * len(names)
    for number, path in enumerate(pictures):
        picture = load(path)
        for quality in qualities:
            file = container.read(first.encode(picture.pixels, quality))
            symbols = first.decode_symbols(file)
            for name, codec in codecs.items():
                coded = _code(file.header, symbols, codec, figures[name])
                if number < uncached:
                    _without_cache(coded, plain[name], codec, figures[name])
                done += 1
                progress(done, total)
    for name in names:
        figures[name].peak_mib = {size: peak_memory(name, size, device) for size in megapixels}
    reference = REFERENCE if REFERENCE in figures else names[0]
    shown = tuple(path.name for path in pictures)
    models = list(figures.values())
    return Comparison(reference, tuple(qualities), shown, models, machine_facts())


def _figures(codec: Codec) -> ModelFigures:
    entropy = codec.loaded.entropy
    steps, macs = steps_and_macs(entropy)
    return ModelFigures(codec.loaded.name, entropy.config.kind, parameters(entropy), steps, macs)


def _code(
    header: container.Header, symbols: PictureSymbols, codec: Codec, figures: ModelFigures
) -> container.LicFile:
    """Code the latents with ``codec``, check and count."""
    tally = BitTally()
    start = time.perf_counter()
    header, tiles = codec.code_symbols(header, symbols, tally=tally)
    middle = time.perf_counter()
    coded = container.LicFile(header, tiles)
    again = codec.decode_symbols(coded)
    end = time.perf_counter()
    if not np.array_equal(again.y, symbols.y):
        raise LcodecError(f"{codec.loaded.name}: other symbols came back")
    size = len(container.write(header, tiles))
    figures.bytes += size
    figures.estimated_bits += tally.bits_y + tally.bits_z
    figures.hyper_bytes += sum(len(tile.hyper) for tile in tiles)
    figures.encode_seconds += middle - start
    figures.decode_seconds += end - middle
    quality = header.quality
    figures.bytes_by_quality[quality] = figures.bytes_by_quality.get(quality, 0) + size
    return coded


def _without_cache(
    coded: container.LicFile, plain: Codec, cached: Codec, figures: ModelFigures
) -> None:
    start = time.perf_counter()
    expected = cached.decode_symbols(coded)
    middle = time.perf_counter()
    symbols = plain.decode_symbols(coded)
    figures.cached_seconds += middle - start
    figures.uncached_seconds += time.perf_counter() - middle
    if not np.array_equal(symbols.y, expected.y):
        raise LcodecError(f"{cached.loaded.name}: other symbols without the cache")


# VmHWM, not getrusage: the latter starts from the memory of the parent process.
_PEAK = """
import sys
from pathlib import Path
import numpy as np
import lcodec
side, model, device = int(sys.argv[1]), sys.argv[2], sys.argv[3]
rows, columns = np.mgrid[0:side, 0:side]
pixels = np.stack([(rows // 3 + columns // 5) % 256, rows % 256, columns % 256], 2)
lcodec.decode(lcodec.encode(pixels.astype(np.uint8), model=model, device=device), device=device)
status = Path("/proc/self/status").read_text().split()
print(int(status[status.index("VmHWM:") + 1]) / 1024)
"""


def peak_memory(model: str, megapixels: int, device: str = "auto") -> float:
    """Peak resident MiB of a process that encodes and decodes a picture of that size (Linux).

    Raises:
        LcodecError: the process fails.
    """
    side = round(math.sqrt(megapixels * 1e6))
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(side), model, device],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LcodecError(f"{model}: measuring the memory failed: {done.stderr.strip()[-200:]}")
    return float(done.stdout.strip().splitlines()[-1])
