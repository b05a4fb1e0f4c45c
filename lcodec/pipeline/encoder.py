"""From one picture to a file: analyse at a quality, choose the symbols, code them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lcodec import container
from lcodec.container import Header, Section, TilePayload
from lcodec.metrics.distortion import psnr
from lcodec.metrics.ssimulacra2 import ssimulacra2
from lcodec.picture import Samples
from lcodec.pipeline.latents import Latents
from lcodec.pipeline.layers import Split, Splits
from lcodec.pipeline.looks import analyse_with_looks
from lcodec.pipeline.pixels import AnalysisStarts
from lcodec.pipeline.stages import Stages
from lcodec.pipeline.symbols import PictureSymbols, without_skipped
from lcodec.pipeline.tally import BitTally
from lcodec.process.progress import Progress, labelled, no_progress
from lcodec.process.timing import Stopwatch


@dataclass(frozen=True)
class Trial:
    """A file that was tried on the way to a target; what was not measured is None.

    Attributes:
        quality, effort: the levels.
        size: bytes of its file.
        psnr, ssimulacra2: measures of what it decodes to on this machine, PSNR in dB.
        kept: share of its latents (those that are not 0) that were coded.
    """

    quality: int
    effort: int
    size: int | None = None
    psnr: float | None = None
    ssimulacra2: float | None = None
    kept: float = 1.0


@dataclass(frozen=True, repr=False)
class Encoded:
    """A file, and what is known about it.

    Attributes:
        data: the file.
        quality: its quality level.
        estimated_bits_y, estimated_bits_z: bits by the frozen tables' probabilities.
        trials: files that were tried to meet a target, in order; empty without one.
        psnr, ssimulacra2: measures of what it decodes to on this machine, PSNR in dB; None if not
            computed on the way.
        timings: seconds by stage.
        kept: share of the latents (those that are not 0) of its level that were coded; below 1
            only where even level 0 was too large for a target.
        layer_bytes: bytes of the lossless layers (docs/screens.md).
        stream_bytes: bytes of the streams of latents and hyper-latents.
        dropped: what was dropped from the source when it was read, as `lcodec.Picture.notes`.
    """

    data: bytes
    quality: int
    estimated_bits_y: float
    estimated_bits_z: float
    trials: tuple[Trial, ...] = ()
    psnr: float | None = None
    ssimulacra2: float | None = None
    timings: dict[str, float] = field(default_factory=dict)
    kept: float = 1.0
    layer_bytes: int = 0
    stream_bytes: int = 0
    dropped: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<lcodec.Encoded {len(self.data):,} bytes, quality {self.quality}>"

    @property
    def notes(self) -> tuple[str, ...]:
        """What the file lacks, for the user to know."""
        if self.kept == 1.0:
            return self.dropped
        thinned = f"quality {self.quality} is too large for the target: latents were left out"
        return (*self.dropped, thinned)

    @property
    def evaluations(self) -> int:
        """How many files were tried; 1 without a target."""
        return max(1, len(self.trials))


@dataclass(frozen=True)
class Source:
    """What is encoded: pixels (H, W) or (H, W, 3), and whatever else goes into the file.

    ``header`` makes the file's header for a quality. ``alpha`` is a coded plane; ``visible``
    (H, W) is where it is not 0, or None for everywhere. ``notes`` say what is missing already.
    """

    pixels: Samples
    header: Callable[[int], Header]
    metadata: tuple[Section, ...] = ()
    alpha: bytes | None = None
    visible: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Assessment:
    """Distortion of what symbols decode to on this machine, where the source is visible.

    Attributes:
        psnr: in dB.
        ssimulacra2: in points; None if not asked for.
    """

    psnr: float
    ssimulacra2: float | None = None


class Encoder:
    """Encodes one picture, at one quality or at several."""

    def __init__(
        self,
        stages: Stages,
        source: Source,
        progress: Progress = no_progress,
    ) -> None:
        self.stages = stages
        self.source = source
        self._progress = progress
        self.watch = Stopwatch()
        self._starts: AnalysisStarts | None = None
        self._splits = Splits(stages.splitter, source.pixels)

    def expect_several(self) -> None:
        """From now on, keep what several qualities have in common."""
        self._starts = AnalysisStarts()

    def labelled(self, task: str) -> Encoder:
        """This encoder, with ``task`` before the stages it reports."""
        other = copy(self)
        other._progress = labelled(self._progress, task)
        return other

    def without_layers(self) -> Encoder:
        """This encoder, for files that have no lossless layers."""
        other = copy(self)
        other._splits = Splits(None, self.source.pixels)
        return other

    @property
    def has_made_layers(self) -> bool:
        """Whether lossless layers were cheaper at any level so far."""
        return self._splits.found

    def _split(self, header: Header) -> Split:
        with self.watch.stage("layers"):
            return self._splits.at(header)

    def latents(self, quality: int, effort: int) -> Latents:
        """The latents at ``quality``, before the search of an ``effort`` above 0."""
        header = self.source.header(quality)
        rest = self._split(header).rest
        # What lies below layers depends on the quality.
        starts = self._starts if rest is self.source.pixels else None
        with self.watch.stage("analysis"):
            return analyse_with_looks(
                self.stages.pixels, rest, header, starts, self._progress, again=effort >= 0
            )

    def thinner(self, quality: int, latents: Latents, share: float) -> Encoded:
        """The file with only that share of the latents, the largest, beside the means of blocks.

        If means were left out, too, those of colour would go first, and files would hardly get
        smaller: means that are missing here and there cost more bits than means.
        """
        means = self.stages.pixels.transforms.synthesis.channels_of_means()
        thin = latents.thinned(share, means)
        before, after = (int(np.count_nonzero(part.rounded)) for part in (latents, thin))
        kept = after / before if before else 1.0
        return replace(self.write(quality, self.symbols(quality, thin)), kept=kept)

    def symbols(self, quality: int, latents: Latents) -> PictureSymbols:
        """The symbols for latents that were made for ``quality``."""
        header = self.source.header(quality)
        symbols = self.stages.latents.quantise(header, latents, self.watch)
        return without_skipped(header, symbols, self._split(header).skipped)

    def make_file(self, quality: int, effort: int = 0) -> Encoded:
        """The file at ``quality`` in 0..100.

        Effort 0 rounds the latents after its looks (`lcodec.nets.looks`), effort -1 after the
        first. Higher efforts change them so that file and error together cost less
        (docs/effort.md).
        """
        return self.write(quality, self.best_symbols(quality, effort))

    def best_symbols(self, quality: int, effort: int) -> PictureSymbols:
        """The symbols coded at ``quality`` and ``effort``."""
        plain = self.symbols(quality, self.latents(quality, effort))
        if effort <= 0:
            return plain
        header = self.source.header(quality)
        rest = self._split(header).rest
        with self.watch.stage("optimisation"):
            refined = self.stages.refiner.refine(header, rest, plain, effort, self._progress)
        return without_skipped(header, refined, plain.skipped)

    def write(self, quality: int, symbols: PictureSymbols) -> Encoded:
        """The file that holds ``symbols``; they must have been chosen for ``quality``."""
        header, tally = self.source.header(quality), BitTally()
        tiles = self.stages.latents.code_tiles(header, symbols, self.watch, tally, self._progress)
        return self._assemble(header, tiles, tally)

    def _assemble(self, header: Header, tiles: list[TilePayload], tally: BitTally) -> Encoded:
        source, layers = self.source, self._split(header).layers
        tiles = [replace(tile, layer=layers.get(number, b"")) for number, tile in enumerate(tiles)]
        data = container.write(header, tiles, source.metadata, source.alpha)
        return Encoded(
            data,
            header.quality,
            tally.bits_y,
            tally.bits_z,
            timings=self.watch.seconds,
            layer_bytes=sum(len(layer) for layer in layers.values()),
            stream_bytes=sum(len(tile.hyper) + len(tile.latent) for tile in tiles),
            dropped=source.notes,
        )

    @staticmethod
    def make_files(encoders: Sequence[Encoder], quality: int, effort: int = 0) -> list[Encoded]:
        """The files of several pictures, the same as if encoded one by one.

        Pictures of equal size, counted in patches of 16 pixels, go through the entropy network
        together, which saves most of the time of small ones. All encoders must come from the
        same codec. The time for coding is divided equally.
        """
        if not encoders:
            return []
        headers = [encoder.source.header(quality) for encoder in encoders]
        symbols = [encoder.best_symbols(quality, effort) for encoder in encoders]
        tallies = [BitTally() for _ in encoders]
        watch = Stopwatch()
        latents = encoders[0].stages.latents
        tiles = latents.code_pictures(headers, symbols, watch, tallies)
        encoded = []
        for encoder, header, own, tally in zip(encoders, headers, tiles, tallies, strict=True):
            for stage, seconds in watch.seconds.items():
                own_seconds = encoder.watch.seconds.get(stage, 0.0)
                encoder.watch.seconds[stage] = own_seconds + seconds / len(encoders)
            encoded.append(encoder._assemble(header, own, tally))
        return encoded

    def assess(self, quality: int, symbols: PictureSymbols, *, seen: bool = False) -> Assessment:
        """The distortion of what ``symbols`` decode to, with SSIMULACRA2 if ``seen``.

        Raises:
            UsageError: the picture is too small for SSIMULACRA2, and ``seen``.
        """
        header = self.source.header(quality)
        source, visible = self.source.pixels, self.source.visible
        with self.watch.stage("synthesis"):
            decoded = self.stages.pixels.synthesise(symbols.y, header, self._progress)
        self._split(header).restore(decoded, header)
        shown, wanted = decoded, source
        if visible is not None:
            shown, wanted = decoded[visible][None], source[visible][None]
            decoded[~visible] = source[~visible]
        if not seen:
            return Assessment(psnr(wanted, shown))
        return Assessment(psnr(wanted, shown), ssimulacra2(source, decoded))
