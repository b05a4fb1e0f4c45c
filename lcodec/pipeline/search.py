"""Encode to a target by searching for the level, with real files."""

from __future__ import annotations

import math
from dataclasses import replace

from lcodec.errors import TargetError
from lcodec.nets.worth import counts_what_is_seen
from lcodec.pipeline.encoder import Encoded, Encoder, Trial
from lcodec.pipeline.symbols import PictureSymbols
from lcodec.pipeline.targets import (
    PSNR_SLOPE,
    QUALITIES,
    SIZE_SLOPE,
    SSIMULACRA2_SLOPE,
    Quantity,
    Target,
    percent,
    search,
)

_THINNER = 7  # files tried below level 0, the smallest first
_CAP = 1000.0  # in place of the infinite PSNR of a picture that is reproduced exactly


def encode_to(encoder: Encoder, target: Target, effort: int = 0) -> Encoded:
    """The file of the highest level within a size, or of the lowest that reaches a measure.

    With effort above 0 the search is made twice: at effort 0, which is quick and comes close, then
    with effort from where the first ended. The better of the two results is kept. If not even
    level 0 is within a size, as many of its latents are left out as needed, the smallest first;
    effort does nothing then. Lossless layers are much or nothing: where a level has them, the
    search is made without them, too.

    Raises:
        TargetError: the target cannot be met; the message says what is possible.
    """
    encoder.expect_several()
    plain = _make_search(encoder, target, min(effort, 0))
    plain.run(start=QUALITIES[len(QUALITIES) // 2])
    searches = [plain]
    if effort > 0:
        refined = _make_search(encoder, target, effort)
        refined.run(start=plain.nearest())
        searches.append(refined)
    if encoder.has_made_layers:
        bare = _make_search(encoder.without_layers(), target, effort)
        bare.run(start=searches[-1].nearest())
        searches.append(bare)
    met = [s for s in searches if s.best is not None]
    found = [s.best for s in met if s.best is not None]
    if not found:
        sparse = searches[-1].sparser()
        if sparse is None:
            raise TargetError(min(searches, key=lambda one: one.miss()).failure())
        found = [sparse]
    if len(found) > 1:
        pairs = enumerate(zip(met, found, strict=True), start=1)
        found = [one.assessed(encoded, f"candidate {n}") for n, (one, encoded) in pairs]
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
        """Search from ``start``, and set ``best``, ``values`` and ``trials``."""

        def measure(level: int) -> float:
            return self.measure(self.encoder.labelled(f"quality {level}"), level)

        self.values = search(measure, self.within, self.limit, self.rise, start)

    def nearest(self) -> int:
        """The level measured whose value is nearest to the limit."""
        return min(self.values, key=lambda level: abs(self.values[level] - self.limit))

    def miss(self) -> float:
        """How far the nearest level is from the limit."""
        return abs(self.values[self.nearest()] - self.limit)

    def measure(self, encoder: Encoder, level: int) -> float:
        """Try a level, record the trial, and return the value to compare with the limit."""
        raise NotImplementedError

    def within(self, value: float) -> bool:
        raise NotImplementedError

    def sparser(self) -> Encoded | None:
        """A file beyond the lowest level that meets the target, if there is one."""
        return None

    def assessed(self, encoded: Encoded, task: str) -> Encoded:
        """The file, with the measure that `badness` needs; ``task`` is for reports of progress."""
        return encoded

    def badness(self, encoded: Encoded) -> float:
        """Sort key of files that meet the target: lower is better."""
        raise NotImplementedError

    def failure(self) -> str:
        """The message if the target cannot be met."""
        raise NotImplementedError


class _SizeSearch(_Search):
    """Search by the logarithm of the file size."""

    rise = SIZE_SLOPE

    def __init__(self, encoder: Encoder, target: Target, effort: int) -> None:
        super().__init__(encoder, target, effort)
        height, width = encoder.source.pixels.shape[:2]
        self.pixels = height * width
        self.bytes = target.byte_limit(self.pixels)
        self.limit = math.log(max(self.bytes, 1))
        # The better of two files is the one that is better at what the model was trained for.
        self.seen = counts_what_is_seen(encoder.stages.pixels.tune, (height, width))
        self._symbols: PictureSymbols | None = None  # of the best

    def measure(self, encoder: Encoder, level: int) -> float:
        symbols = encoder.best_symbols(level, self.effort)
        encoded = encoder.write(level, symbols)
        self.trials.append(
            Trial(level, self.effort, len(encoded.data), encoded.psnr, encoded.ssimulacra2)
        )
        if len(encoded.data) <= self.bytes and (self.best is None or level > self.best.quality):
            self.best, self._symbols = encoded, symbols
        return math.log(len(encoded.data))

    def within(self, value: float) -> bool:
        return value <= self.limit

    def sparser(self) -> Encoded | None:
        level, best, least, most, share = QUALITIES[0], None, 0.0, 1.0, 0.0
        latents = self.encoder.labelled(f"quality {level}").latents(level, self.effort)
        for _ in range(_THINNER):
            encoder = self.encoder.labelled(f"quality {level}, {percent(share)} of its details")
            encoded = encoder.thinner(level, latents, share)
            size = len(encoded.data)
            self.trials.append(Trial(level, min(self.effort, 0), size, kept=encoded.kept))
            if size <= self.bytes:
                best, least = encoded, share
            elif best is None:
                return None
            else:
                most = share
            share = (least + most) / 2.0
        return best

    def assessed(self, encoded: Encoded, task: str) -> Encoded:
        assert self._symbols is not None
        encoder = self.encoder.labelled(task)
        found = encoder.assess(encoded.quality, self._symbols, seen=self.seen)
        return replace(encoded, psnr=found.psnr, ssimulacra2=found.ssimulacra2)

    def badness(self, encoded: Encoded) -> float:
        value = encoded.ssimulacra2 if self.seen else encoded.psnr
        assert value is not None
        return -value

    def _smallest(self) -> tuple[int, Trial]:
        """The smallest file tried: its bytes, and the trial."""
        return min(
            ((trial.size, trial) for trial in self.trials if trial.size is not None),
            key=lambda pair: (pair[0], pair[1].quality, -pair[1].kept),
        )

    def miss(self) -> float:
        return math.log(self._smallest()[0]) - self.limit  # of files below level 0, too

    def failure(self) -> str:
        size, smallest = self._smallest()
        bpp = f" ({8 * size / self.pixels:.4f} bpp)" if self.target.quantity is Quantity.BPP else ""
        part = f" with {percent(smallest.kept)} of its latents" if smallest.kept < 1.0 else ""
        return (
            f"{self.target} cannot be met: the smallest file, of quality {smallest.quality}{part}, "
            f"has {size} bytes{bpp}"
        )


class _LooksSearch(_Search):
    """Search by PSNR in dB, or by SSIMULACRA2."""

    def __init__(self, encoder: Encoder, target: Target, effort: int) -> None:
        super().__init__(encoder, target, effort)
        self.limit = target.value
        self.seen = target.quantity is Quantity.SSIMULACRA2
        self.rise = SSIMULACRA2_SLOPE if self.seen else PSNR_SLOPE

    def measure(self, encoder: Encoder, level: int) -> float:
        symbols = encoder.best_symbols(level, self.effort)
        found = encoder.assess(level, symbols, seen=self.seen)
        psnr, points = found.psnr, found.ssimulacra2
        value = points if self.seen else psnr
        assert value is not None
        size: int | None = None
        if value >= self.limit and (self.best is None or level < self.best.quality):
            # Files are written only now: most levels need no entropy coding.
            encoded = encoder.write(level, symbols)
            size = len(encoded.data)
            self.best = replace(encoded, psnr=psnr, ssimulacra2=points)
        self.trials.append(Trial(level, self.effort, size, psnr, points))
        return min(value, _CAP)

    def within(self, value: float) -> bool:
        return value < self.limit

    def badness(self, encoded: Encoded) -> float:
        return len(encoded.data)

    def failure(self) -> str:
        level = max(self.values, key=lambda level: self.values[level])
        value = self.values[level]
        reached = f"{value:.2f}" if self.seen else f"{value:.3f} dB"
        return f"{self.target} cannot be met: the best file, of quality {level}, has {reached}"


def _make_search(encoder: Encoder, target: Target, effort: int) -> _Search:
    kind = _SizeSearch if target.quantity.is_size else _LooksSearch
    return kind(encoder, target, effort)
