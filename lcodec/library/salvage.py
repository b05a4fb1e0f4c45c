"""Recover what is left of a damaged or truncated file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lcodec import container
from lcodec.coding.alpha import decode_alpha
from lcodec.coding.layer import Layer
from lcodec.container import Alpha, FoundTile, Section, Survey
from lcodec.errors import FormatError, LcodecError, UnsupportedError
from lcodec.library.codec import Codec, Decoded
from lcodec.library.licforms import AnyBytes, as_bytes
from lcodec.library.shared import shared_codec
from lcodec.limits import DecoderLimits, chosen
from lcodec.picture import Metadata, Samples
from lcodec.pipeline import sidedata
from lcodec.pipeline.areas import Places, TileArea, tile_areas
from lcodec.pipeline.overlay import lay_over, read_arrived, tile_place
from lcodec.pipeline.pixels import LatentArea, empty_samples
from lcodec.plurals import counted
from lcodec.process.failures import own_errors
from lcodec.process.progress import Progress, no_progress
from lcodec.process.startup import suit_threads
from lcodec.process.timing import Stopwatch
from lcodec.weights import find_model_by_id


@dataclass(frozen=True)
class Salvaged:
    """A salvaged picture, and what of it is lost.

    Attributes:
        decoded: the picture; lost tiles are mid-gray.
        lost: numbers of the tiles that are lost.
        faults: what was found to be wrong; empty for a sound file.
        partial: number of the tile in which a truncated file ends, and the share of its latents
            that has arrived; the others are the likeliest. Empty if there is no such tile.
    """

    decoded: Decoded
    lost: tuple[int, ...]
    faults: tuple[str, ...]
    partial: dict[int, float] = field(default_factory=dict)

    @property
    def boxes(self) -> list[dict[str, int]]:
        """The lost tiles: ``index``, ``left``, ``top``, ``width``, ``height`` in pixels."""
        return container.boxes(self.decoded.header, self.lost)

    @property
    def partial_boxes(self) -> list[dict[str, float]]:
        """The tiles of ``partial``, as `boxes`, with ``arrived``, 0 to 1."""
        places = container.boxes(self.decoded.header, self.partial)
        return [{**box, "arrived": self.partial[box["index"]]} for box in places]


def salvage(
    data: AnyBytes,
    *,
    codec: Codec | None = None,
    device: str = "auto",
    max_pixels: int | None = None,
    limits: DecoderLimits | None = None,
    progress: Progress = no_progress,
) -> Salvaged:
    """Decode what is sound in a file; lost tiles become mid-gray, lost alpha opaque.

    The file is given as bytes, a path or a binary file. Tiles whose symbols are not those that
    were encoded count as lost; a section in which a single bit is wrong is put right. Up to some
    180 pixels beside a lost tile are decoded without its latents and may differ a little. Of the
    tile in which a truncated file ends, the groups of latents that have arrived are decoded and
    the others predicted from them: it is blurred rather than gray. If the file ends in its
    lossless layer, the upper rows of that are shown on gray.

    Raises:
        UsageError: ``data`` is none of these.
        FormatError: not a ``.lic`` file, or its header is lost.
        UnsupportedError: needs a newer version of this program.
        InputError: it cannot be read; it is beyond a limit: ``limits``, or those for
            ``max_pixels``; or there is not enough memory.
        WeightsError: no model here has the file's model id.
    """
    with own_errors("reading"):
        bounds = chosen(max_pixels, limits)
        read = as_bytes(data, bounds, container.load_damaged)
        found = container.survey(read, limits=bounds)
    if codec is None:
        codec = shared_codec(find_model_by_id(found.header.model_id).name, device)
    return salvage_found(found, codec, progress)


@own_errors("decoding")
def salvage_found(found: Survey, codec: Codec, progress: Progress = no_progress) -> Salvaged:
    """`salvage` for a surveyed file; raises WeightsError if it was made with other weights."""
    header = found.header
    codec.check(header)
    suit_threads(header.pixels)
    watch, faults = Stopwatch(), list(found.faults)
    area = LatentArea.whole(header)
    y = np.zeros(
        (codec.loaded.config.transforms.latent, area.rows.stop, area.columns.stop), np.int16
    )
    layers: dict[int, bytes] = {}
    lost = _decode_tiles(codec, found, y, layers, faults, watch, progress)
    partial = _decode_cut(codec, found, y, layers, lost, faults, watch)
    arrived = _arrived_layers(found, lost, faults)
    with watch.stage("synthesis"):
        pixels = codec.stages.pixels.synthesise(y, header, progress)
    for number, data in layers.items():
        try:
            lay_over(pixels, header, {number: data})
        except FormatError as error:
            faults.append(f"tile {number}: {error}")
    for number in lost:
        left, top, right, bottom = header.tile_box(number)
        pixels[top:bottom, left:right] = (np.iinfo(pixels.dtype).max + 1) // 2
    for number, layer in arrived.items():
        layer.lay_over(pixels[tile_place(header, number)])
    if lost and not faults:
        faults.append(f"{len(lost)} of {header.tile_count} tiles are missing")
    alpha = _alpha(found, faults)
    picture = sidedata.assemble(pixels, alpha, _metadata(found.extra, faults))
    return Salvaged(Decoded(picture, header, watch.seconds), tuple(lost), tuple(faults), partial)


def _decode_tiles(
    codec: Codec,
    found: Survey,
    y: NDArray[np.int16],
    layers: dict[int, bytes],
    faults: list[str],
    watch: Stopwatch,
    progress: Progress,
) -> list[int]:
    """Put the sound tiles into y (M, h, w) and ``layers``; returns the numbers of the others.

    A tile is decoded once for each of the four extents that tiles may have, at most. So tiles that
    fit nowhere cost no more than four times what the picture does.
    """
    areas = tile_areas(found.header)
    places = Places(areas)
    lost = {area.number for area in areas}
    # Tiles of known number first: the others can only be what is left.
    tiles = sorted(found.tiles, key=lambda tile: tile.number is None)

    misplaced: list[int] = []

    def placed(tile: FoundTile, alike: list[TileArea]) -> bool:
        """Put a tile where it fits, if it does, among places of the same extents."""
        match = codec.stages.latents.find_tile(found.header, places, alike, tile.payload, watch)
        if match is None:
            return False
        area, part = match
        y[:, area.rows, area.columns] = part
        layers[area.number] = tile.payload.layer
        places.remove(area)
        lost.remove(area.number)
        if tile.number not in (None, area.number):
            misplaced.append(area.number)
        return True

    strays = []
    for done, tile in enumerate(tiles):
        progress("decoding", done, len(tiles))
        if tile.number is None or not placed(tile, [areas[tile.number]]):
            strays.append(tile)
    for tile in strays:
        tried = None if tile.number is None else areas[tile.number].extent
        others = [area for area in places.of_each_extent() if area.extent != tried]
        if not placed(tile, others):
            where = "a tile" if tile.number is None else f"tile {tile.number}"
            faults.append(f"the symbols of {where} are not the ones that were encoded")
    progress("decoding", len(tiles), len(tiles))
    if misplaced:
        first = "" if len(misplaced) == 1 else ", among them"
        faults.append(
            f"{counted(len(misplaced), 'tile')} in the wrong place of the file{first}: "
            f"tile {min(misplaced)}"
        )
    return sorted(lost)


def _decode_cut(
    codec: Codec,
    found: Survey,
    y: NDArray[np.int16],
    layers: dict[int, bytes],
    lost: list[int],
    faults: list[str],
    watch: Stopwatch,
) -> dict[int, float]:
    """Put what there is of the tile that the file ends in into y; it is not ``lost`` then.

    Its lossless layer, if it has one, is before its latents.
    """
    if found.cut is None or found.cut.number not in lost or found.cut.in_layer:
        return {}
    number = found.cut.number
    tile = tile_areas(found.header)[number]
    payload = found.cut.payload
    if found.cut.complete:
        match = codec.stages.latents.find_tile(found.header, Places([tile]), [tile], payload, watch)
        if match is not None:
            y[:, tile.rows, tile.columns] = match[1]
            layers[number] = payload.layer
            lost.remove(number)
            return {}
    try:
        part, share = codec.stages.latents.decode_cut_tile(found.header, tile, payload, watch)
    except FormatError:
        return {}  # its hyper stream or its layer is damaged
    y[:, tile.rows, tile.columns] = part
    layers[number] = payload.layer
    lost.remove(number)
    faults.append(f"tile {number} is cut off: {100 * share:.0f} % of its latents have arrived")
    return {number: share}


def _arrived_layers(found: Survey, lost: list[int], faults: list[str]) -> dict[int, Layer]:
    """The upper rows of a layer that the file ends in. Its tile stays ``lost``, gray below them."""
    cut = found.cut
    if cut is None or not cut.in_layer or cut.number not in lost:
        return {}
    try:
        layer = read_arrived(found.header, cut.number, cut.payload.layer)
    except (FormatError, UnsupportedError):
        return {}
    rows = int(np.flatnonzero(layer.kept.any(1))[-1]) + 1 if layer.kept.any() else 0
    if rows:
        faults.append(
            f"tile {cut.number} is cut off: of what it keeps without loss, the upper {rows} rows "
            "have arrived"
        )
    return {cut.number: layer}


def _alpha(found: Survey, faults: list[str]) -> Samples | None:
    header = found.header
    if header.alpha is Alpha.NONE:
        return None
    plane = empty_samples(header, header.height, header.width)
    plane = np.ascontiguousarray(plane if plane.ndim == 2 else plane[..., 0])
    if found.alpha is not None:
        try:
            return decode_alpha(found.alpha, plane.shape, plane.dtype.type)
        except LcodecError as error:
            faults.append(str(error))
    elif header.alpha is Alpha.PLANE:
        faults.append("the alpha plane is lost")
    plane[...] = np.iinfo(plane.dtype).max
    return plane


def _metadata(extra: Iterable[Section], faults: list[str]) -> Metadata:
    try:
        return sidedata.metadata_of(extra)
    except FormatError as error:
        faults.append(str(error))
        return Metadata()
