"""Encode pictures to ``.lic`` files and back, with the networks kept loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import lcodec.process.quicktorch  # noqa: F401  # first of all: see there

# isort: split
from lcodec import container
from lcodec.container import Header, LicFile, TilePayload, TileSource
from lcodec.effort import EFFORT_MAX, EFFORT_MIN
from lcodec.effort.refiner import Refiner
from lcodec.errors import UsageError, WeightsError
from lcodec.format import QUALITY_MAX
from lcodec.library.decoded import Decoded
from lcodec.library.forms import AnyPicture, as_file, as_picture, several
from lcodec.library.licforms import AnyFile
from lcodec.limits import Ancillary, DecoderLimits, as_whole, given
from lcodec.picture import Metadata, Picture
from lcodec.picture.pushpull import fill
from lcodec.pipeline import sidedata
from lcodec.pipeline.encoder import Encoded, Encoder, Source
from lcodec.pipeline.headers import check_shape, header_of
from lcodec.pipeline.layers import Splitter
from lcodec.pipeline.overlay import lay_over
from lcodec.pipeline.parts import DEFAULT_KEPT, PartDecoder
from lcodec.pipeline.pixels import PixelTransform
from lcodec.pipeline.search import encode_to
from lcodec.pipeline.stages import Stages
from lcodec.pipeline.symbols import PictureSymbols
from lcodec.pipeline.tally import BitTally
from lcodec.pipeline.targets import Target
from lcodec.pipeline.tiles import LatentCoder
from lcodec.process.failures import own_errors
from lcodec.process.progress import Progress, no_progress
from lcodec.process.startup import suit_threads
from lcodec.process.timing import Stopwatch
from lcodec.tunes import default_quality
from lcodec.weights import chosen_model
from lcodec.weights.load import load_model

if TYPE_CHECKING:
    from lcodec.picture.rows import Rows

__all__ = ["Codec", "Decoded"]


class Codec:
    """A loaded model that encodes and decodes, for any number of threads at once.

    Calls share only the networks, which they do not change; files are byte for byte the same as
    from one thread. Arrays and images must not be changed while they are encoded. Copies and
    pickles have no weights, but load them again.

    Without a ``model``, it is that of the ``tune``: "visual", the default, for what looks good, or
    "psnr" for small squared errors; one that is given must be of a tune given. The ``device`` is
    "cpu", "cuda" or, if "auto", a GPU that is there. ``carrier`` chooses how integers are
    multiplied (results are identical); ``cached=False`` recomputes the context of every group, for
    comparison. With ``layers=False`` nothing is encoded without loss, where that is smaller: all is
    left to the networks.

    Files are encoded in tiles of up to ``tile_edge`` by ``tile_edge`` pixels, a multiple of 64 up
    to 2048: smaller ones take less memory to decode, and more bytes. Up to ``tiles_at_once`` tiles
    of equal size run together, 1 on a CPU and 8 on a GPU if not given; results are identical.

    Raises:
        WeightsError: the model is missing or damaged.
        UsageError: another bad argument.
    """

    def __init__(
        self,
        model: str | None = None,
        device: str = "auto",
        carrier: str = "auto",
        *,
        tune: str | None = None,
        cached: bool = True,
        tile_edge: int = container.DEFAULT_TILE_EDGE,
        tiles_at_once: int | None = None,
        layers: bool = True,
    ) -> None:
        tile_edge = as_whole("tile_edge", tile_edge)
        container.check_tile_edge(tile_edge)
        if tiles_at_once is not None:
            tiles_at_once = as_whole("tiles_at_once", tiles_at_once, 1)
        again = partial(type(self), model, device, carrier, tune=tune, cached=cached)
        self._again = partial(
            again, tile_edge=tile_edge, tiles_at_once=tiles_at_once, layers=layers
        )
        self.loaded = load_model(chosen_model(model, tune), device, carrier, cached)
        self.tile_edge = tile_edge
        config = self.loaded.config
        pixels = PixelTransform(
            self.loaded.transforms,
            self.loaded.device,
            quality_of=config.trained_quality,
            tune=config.factors,
        )
        self.stages = Stages(
            Splitter(pixels, config) if layers else None,
            pixels,
            Refiner(self.loaded, pixels),
            LatentCoder(self.loaded, tiles_at_once),
        )

    def __reduce__(self) -> tuple[Callable[[], Codec], tuple[()]]:
        return self._again, ()

    def __repr__(self) -> str:
        return f"<lcodec.Codec {self.loaded.name} on {self.loaded.device}>"

    def encode(
        self,
        image: AnyPicture,
        quality: int | None = None,
        *,
        target: Target | None = None,
        effort: int = 0,
        strip: bool = False,
    ) -> bytes:
        """A ``.lic`` file. See `encode_detailed`."""
        return self.encode_detailed(image, quality, target=target, effort=effort, strip=strip).data

    @own_errors("encoding")
    def encode_detailed(
        self,
        image: AnyPicture,
        quality: int | None = None,
        *,
        target: Target | None = None,
        effort: int = 0,
        strip: bool = False,
        progress: Progress = no_progress,
    ) -> Encoded:
        """Encode a picture at a quality level 0..100.

        A picture is a path, a binary file, a Pillow image, an array or a `lcodec.Picture`. Arrays
        are uint8 or uint16, (H, W) or (H, W, n): 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
        The colour profile, EXIF and XMP of a Pillow image are kept unless ``strip`` is true.

        The default quality is that of the model's tune, 75 or 50; a ``target`` replaces it.
        ``effort`` 1 to 9 takes longer and gives better files, -1 less than half the time for
        larger ones (docs/effort.md). ``progress`` is called along the way (see
        `lcodec.process.progress`).

        Raises:
            UsageError: quality, effort, target or image are not of that kind, or quality and
                target are both given.
            InputError: a Pillow image that cannot be converted, a file that cannot be read, a
                picture too thin to be decoded within `DecoderLimits`, or not enough memory.
            TargetError: the target cannot be met.
        """
        if quality is not None and target is not None:
            raise UsageError("a quality and a target cannot be combined")
        if not isinstance(target, Target | None):
            raise UsageError(f"a target is a lcodec.Target, not {target!r}")
        effort = as_whole("effort", effort, EFFORT_MIN, EFFORT_MAX)
        quality = self._quality(quality)
        encoder = self._encoder(image, strip, progress)
        suit_threads(encoder.source.pixels.shape[0] * encoder.source.pixels.shape[1])
        if target is not None:
            return encode_to(encoder, target, effort)
        return encoder.make_file(quality, effort)

    @own_errors("encoding")
    def encode_many(
        self,
        images: Iterable[AnyPicture],
        quality: int | None = None,
        *,
        effort: int = 0,
        strip: bool = False,
    ) -> list[Encoded]:
        """Encode several pictures, each to the same file as with `encode_detailed`.

        Much faster than one by one if they are small and of equal size; takes the memory of all
        of them.

        Raises:
            UsageError, InputError: as `encode_detailed`; nothing is encoded then.
        """
        quality = self._quality(quality)
        effort = as_whole("effort", effort, EFFORT_MIN, EFFORT_MAX)
        encoders = [self._encoder(image, strip) for image in several(images, "pictures")]
        suit_threads(sum(e.source.pixels.shape[0] * e.source.pixels.shape[1] for e in encoders))
        return Encoder.make_files(encoders, quality, effort)

    def _quality(self, quality: int | None) -> int:
        if quality is None:
            return default_quality(self.loaded.config.tune)
        return as_whole("quality", quality, 0, QUALITY_MAX)

    def _encoder(self, image: AnyPicture, strip: bool, progress: Progress = no_progress) -> Encoder:
        picture = as_picture(image)
        if strip:
            picture = picture.stripped()
        return Encoder(self.stages, self._source(picture), progress)

    def _source(self, picture: Picture) -> Source:
        pixels, alpha, visible = picture.pixels, picture.alpha, None
        if alpha is not None and alpha.any() and not alpha.all():
            visible = alpha > 0
        if alpha is not None:
            pixels = fill(pixels, alpha == 0)
        metadata = sidedata.metadata_sections(picture.metadata)
        header = self._header_of(picture)
        check_shape(header(0))
        count = Ancillary(DecoderLimits())
        for section in metadata:
            count.add(len(section.payload))
        alpha_payload = sidedata.alpha_payload(picture)
        return Source(pixels, header, metadata, alpha_payload, visible, picture.notes)

    def strip_header(self, rows: Rows, quality: int | None) -> Header:
        """The header of the file of a picture that is read by rows.

        Raises:
            UsageError: ``quality`` is not a level.
            InputError: a picture too thin to be decoded within `DecoderLimits`.
        """
        header = self._header_of(rows)(self._quality(quality))
        check_shape(header)
        suit_threads(rows.width * min(rows.height, self.tile_edge))
        return header

    def _header_of(self, picture: Picture | Rows) -> Callable[[int], Header]:
        return header_of(picture, self.loaded, self.tile_edge)

    @own_errors("decoding")
    def decode(
        self,
        data: AnyFile,
        max_pixels: int | None = None,
        *,
        limits: DecoderLimits | None = None,
        progress: Progress = no_progress,
    ) -> Decoded:
        """Decode a file: bytes, a path, a binary file, or what `lcodec.container.read` returns.

        ``limits`` bound what a file may ask for; ``max_pixels`` sets them for that size of picture.
        If neither is given, what was read before is not checked against the defaults again.
        ``progress`` is called along the way (see `lcodec.process.progress`).

        Raises:
            FormatError, UnsupportedError: the file is damaged or of another kind.
            InputError: it is beyond the limits, or there is not enough memory.
            WeightsError: the file was made with other weights.
            MismatchError: the decoded symbols are not the encoded ones.
        """
        file = as_file(data, given(max_pixels, limits))
        self.check(file.header)
        suit_threads(file.header.pixels)
        watch, metadata = Stopwatch(), sidedata.read_metadata(file)
        # Tiles first: damage there is found before pixels and alpha take memory.
        symbols = self.stages.latents.decode_tiles(file.header, file.tiles, watch, progress)
        return self._show(file, symbols, metadata, watch, progress)

    @own_errors("decoding")
    def decode_many(
        self, files: Iterable[AnyFile], *, limits: DecoderLimits | None = None
    ) -> list[Decoded]:
        """Decode several files, each to the same picture as with `decode`.

        Much faster than one by one if they are small, of equal size and of one quality; takes the
        memory of all of them. ``limits`` are for each.

        Raises:
            FormatError, UnsupportedError, InputError, WeightsError, MismatchError: as `decode`;
                nothing is decoded then.
        """
        read = [as_file(data, given(None, limits)) for data in several(files, "files")]
        headers = [file.header for file in read]
        for header in headers:
            self.check(header)
        suit_threads(sum(header.pixels for header in headers))
        metadata = [sidedata.read_metadata(file) for file in read]
        together = Stopwatch()
        found = self.stages.latents.decode_pictures(
            headers, [file.tiles for file in read], together
        )
        shares = {name: spent / len(read) for name, spent in together.seconds.items()}
        return [
            self._show(file, symbols, own, Stopwatch(shares))
            for file, symbols, own in zip(read, found, metadata, strict=True)
        ]

    def _show(
        self,
        file: LicFile,
        symbols: PictureSymbols,
        metadata: Metadata,
        watch: Stopwatch,
        progress: Progress = no_progress,
    ) -> Decoded:
        with watch.stage("alpha"):
            alpha = sidedata.read_alpha(file)
        with watch.stage("synthesis"):
            pixels = self.stages.pixels.synthesise(symbols.y, file.header, progress)
        with watch.stage("layers"):
            lay_over(pixels, file.header, file.layers)
            picture = sidedata.assemble(pixels, alpha, metadata)
        return Decoded(picture, file.header, watch.seconds)

    def parts(self, source: TileSource, kept: int = DEFAULT_KEPT) -> PartDecoder:
        """A decoder of parts of a file; raises WeightsError if it was made with other weights."""
        self.check(source.header)
        return PartDecoder(source, self.stages.latents, self.stages.pixels, kept)

    @own_errors("decoding")
    def decode_symbols(self, data: AnyFile, progress: Progress = no_progress) -> PictureSymbols:
        """The integer latents of a file, without making a picture of them."""
        file = as_file(data)
        self.check(file.header)
        return self.stages.latents.decode_tiles(file.header, file.tiles, Stopwatch(), progress)

    @own_errors("coding")
    def code_symbols(
        self,
        header: Header,
        symbols: PictureSymbols,
        progress: Progress = no_progress,
        tally: BitTally | None = None,
    ) -> tuple[Header, tuple[TilePayload, ...]]:
        """Code latents with this codec's model: the header that names it, and the tiles.

        The bits by the tables' probabilities are added to ``tally``.
        """
        loaded = self.loaded
        header = replace(header, entropy_model=loaded.entropy.fourcc, model_id=loaded.model_id)
        tiles = self.stages.latents.code_tiles(
            header, symbols, Stopwatch(), tally or BitTally(), progress
        )
        return header, tuple(tiles)

    def check(self, header: Header) -> None:
        """Raise WeightsError if a file was made with other weights."""
        loaded = self.loaded
        if header.entropy_model != loaded.entropy.fourcc or header.model_id != loaded.model_id:
            raise WeightsError(
                f"the file was made with model {header.entropy_model} {header.model_id.hex()}; "
                f"loaded is {loaded.name}: {loaded.entropy.fourcc} {loaded.model_id.hex()}"
            )
