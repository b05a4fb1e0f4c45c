"""Encoding to a target: the level is searched for, with real files."""

from __future__ import annotations

import math
from dataclasses import replace

from lcodec.errors import TargetError
from lcodec.pipeline.encoder import Encoded, Encoder, Trial
from lcodec.pipeline.targets import PSNR_SLOPE, QUALITIES, SIZE_SLOPE, Quantity, Target, search
from lcodec.progress import labelled

_PSNR_CAP = 1000.0  # dB that stand for a picture that came back exactly


def encode_to(encoder: Encoder, target: Target, effort: int = 0) -> Encoded:
    """The file of the highest level within a size, or of the lowest that reaches a PSNR.

    With effort the search is made twice: with plain rounding, which is quick and comes close, then
    with effort from where the first ended. Of both results the better one is kept.

    Raises:
        TargetError: no level meets the target; the message says what can be had.
    """
    encoder.expect_several()
    plain = _make_search(encoder, target, 0)
    plain.run(start=QUALITIES[len(QUALITIES) // 2])
    searches = [plain]
    if effort:
        refined = _make_search(encoder, target, effort)
        refined.run(start=plain.nearest())
        searches.append(refined)
    found = [s.best for s in searches if s.best is not None]
    if not found:
        raise TargetError(searches[-1].failure())
    if len(found) > 1:
        found = [e if e.psnr is not None else encoder.make_assessed_file(e.quality) for e in found]
        found.sort(key=searches[0].badness)
    return replace(found[0], trials=tuple(trial for s in searches for trial in s.trials))


class _Search:
    """One search over the levels at one effort; subclasses say what is measured."""

    rise: float

    def __init__(self, encoder: Encoder, target: Target, effort: int) -> None:
        self.encoder = encoder
        self.target = target
        self.effort = effort
        self.best: Encoded | None = None
        self.values: dict[int, float] = {}
        self.trials: list[Trial] = []
        self.limit = 0.0

    def run(self, start: int) -> None:
        """Search from ``start``; then ``best``, ``values`` and ``trials`` are known."""
        progress = self.encoder.progress

        def measure(level: int) -> float:
            self.encoder.progress = labelled(progress, f"quality {level}")
            return self.measure(level)

        try:
            self.values = search(measure, self.within, self.limit, self.rise, start)
        finally:
            self.encoder.progress = progress

    def nearest(self) -> int:
        """The level measured whose value is nearest to the limit."""
        return min(self.values, key=lambda level: abs(self.values[level] - self.limit))

    def measure(self, level: int) -> float:
        """Try a level, and note the trial."""
        raise NotImplementedError

    def within(self, value: float) -> bool:
        raise NotImplementedError

    def badness(self, encoded: Encoded) -> float:
        """Of two files that meet the target, the one with less is better."""
        raise NotImplementedError

    def failure(self) -> str:
        """What to say if no level meets the target."""
        raise NotImplementedError


class _SizeSearch(_Search):
    """Logarithms of file sizes."""

    rise = SIZE_SLOPE

    def __init__(self, encoder: Encoder, target: Target, effort: int) -> None:
        super().__init__(encoder, target, effort)
        header = encoder.source.header
        self.pixels = header.width * header.height
        self.bytes = target.byte_limit(self.pixels)
        self.limit = math.log(max(self.bytes, 1))

    def measure(self, level: int) -> float:
        encoded = self.encoder.make_file(level, self.effort)
        self.trials.append(Trial(level, self.effort, len(encoded.data), encoded.psnr))
        if len(encoded.data) <= self.bytes and (self.best is None or level > self.best.quality):
            self.best = encoded
        return math.log(len(encoded.data))

    def within(self, value: float) -> bool:
        return value <= self.limit

    def badness(self, encoded: Encoded) -> float:
        assert encoded.psnr is not None
        return -encoded.psnr

    def failure(self) -> str:
        level = min(self.values, key=lambda level: self.values[level])
        size = round(math.exp(self.values[level]))
        bpp = f" ({8 * size / self.pixels:.4f} bpp)" if self.target.quantity is Quantity.BPP else ""
        return (
            f"{self.target} cannot be met: the smallest file, of quality {level}, "
            f"has {size} bytes{bpp}"
        )


class _PsnrSearch(_Search):
    """PSNRs in dB."""

    rise = PSNR_SLOPE

    def __init__(self, encoder: Encoder, target: Target, effort: int) -> None:
        super().__init__(encoder, target, effort)
        self.limit = target.value

    def measure(self, level: int) -> float:
        encoded: Encoded | None = None
        if self.effort:
            encoded = self.encoder.make_assessed_file(level, self.effort)
            value = encoded.psnr
            assert value is not None
        else:
            symbols = self.encoder.plain_symbols(level)
            value = self.encoder.psnr(level, symbols)
        if value >= self.limit and (self.best is None or level < self.best.quality):
            # Plain files are written only now: most levels' PSNR needs no entropy coding.
            encoded = encoded or self.encoder.write(level, symbols)
            self.best = replace(encoded, psnr=value)
        size = None if encoded is None else len(encoded.data)
        self.trials.append(Trial(level, self.effort, size, value))
        return min(value, _PSNR_CAP)

    def within(self, value: float) -> bool:
        return value < self.limit

    def badness(self, encoded: Encoded) -> float:
        return len(encoded.data)

    def failure(self) -> str:
        level = max(self.values, key=lambda level: self.values[level])
        reached = f"{self.values[level]:.3f} dB"
        return f"{self.target} cannot be met: the best file, of quality {level}, has {reached}"


def _make_search(encoder: Encoder, target: Target, effort: int) -> _Search:
    kind = _PsnrSearch if target.quantity is Quantity.PSNR else _SizeSearch
    return kind(encoder, target, effort)
