"""Latents to tile payloads and back: hyper-latent, group loop, streams, checksums."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lcodec.coding import (
    CutPort,
    DecodePort,
    EncodePort,
    SymbolDecoder,
    SymbolPort,
    symbol_checksum,
)
from lcodec.container import DEFAULT_TILE_EDGE, Header, TilePayload
from lcodec.entropy.interface import (
    Extent,
    Symbols,
    code_hyper,
    code_latents,
    coded_mask,
    groups_of,
)
from lcodec.entropy.onepass import for_encoder
from lcodec.errors import FormatError, MismatchError
from lcodec.integer import profile as P
from lcodec.integer.carriers import exact_products
from lcodec.nets.transforms import HYPER_STRIDE, PATCH
from lcodec.pipeline.areas import TileArea, tile_areas
from lcodec.pipeline.counting import CountingEncoder
from lcodec.progress import Progress, no_progress
from lcodec.timing import Stopwatch
from lcodec.weights.load import LoadedModel

POSITIONS = (DEFAULT_TILE_EDGE // PATCH) ** 2
"""Latent positions of a full tile of the default edge."""


@dataclass
class BitTally:
    """Bits according to the frozen tables, without the coder's rounding."""

    bits_y: float = 0.0
    bits_z: float = 0.0


@dataclass(frozen=True)
class PictureSymbols:
    """All symbols of a picture: y int16 (M, h, w), z int16 (hyper, h/4, w/4) by tile number."""

    y: NDArray[np.int16]
    z: list[NDArray[np.int16]] | dict[int, NDArray[np.int16]]


def padded_tile(y: NDArray[Any], tile: TileArea, device: torch.device) -> Tensor:
    """The part of y (M, h, w) in one tile, with zeros up to the padded extent."""
    part = torch.from_numpy(np.ascontiguousarray(y[:, tile.rows, tile.columns])).to(device)
    extent = tile.extent
    return F.pad(part, (0, extent.padded_w - extent.w, 0, extent.padded_h - extent.h))


@dataclass(frozen=True)
class Part:
    """One tile of one of several pictures."""

    picture: int
    area: TileArea


class LatentCoder:
    """Codes latents with one entropy model; ``tiles_at_once`` tiles of equal size run together."""

    def __init__(self, loaded: LoadedModel, tiles_at_once: int = 1) -> None:
        self.loaded = loaded
        self.tiles_at_once = tiles_at_once
        self.latent = loaded.config.transforms.latent
        self.hyper = loaded.config.transforms.hyper_latent

    def _batches(self, headers: Sequence[Header]) -> Iterator[tuple[Extent, list[Part]]]:
        """The tiles of some pictures in batches of equal size, as large as may run at once.

        Several pictures share a pass as long as it takes no more memory than one full tile.
        """
        parts = [Part(n, area) for n, header in enumerate(headers) for area in tile_areas(header)]
        parts.sort(key=lambda p: (p.area.extent.h, p.area.extent.w, p.picture, p.area.number))
        for extent, same in groupby(parts, key=lambda p: p.area.extent):
            tiles = list(same)
            count = self.tiles_at_once
            if len(headers) > 1:
                count = max(count, POSITIONS // (extent.padded_h * extent.padded_w))
            for start in range(0, len(tiles), count):
                yield extent, tiles[start : start + count]

    def _hyper_latent(self, y: Tensor) -> Tensor:
        """z, rounded (hyper, h/4, w/4), of one padded tile (M, h, w)."""
        z = self.loaded.transforms.hyper_analysis(y[None])[0]
        return torch.round(z).clamp(-P.HYPER_LIMIT, P.HYPER_LIMIT).to(torch.int32)

    def quantise(self, header: Header, y: NDArray[np.float32], watch: Stopwatch) -> PictureSymbols:
        """Plain rounding of y (M, h, w) in steps, and of the z of each tile."""
        areas = tile_areas(header)
        z = []
        with watch.stage("analysis"), torch.inference_mode():
            for tile in areas:
                padded = padded_tile(y, tile, self.loaded.device)
                z.append(self._hyper_latent(padded).cpu().numpy().astype(np.int16))
            rounded = np.rint(y)
            rounded.clip(-P.SYMBOL_LIMIT, P.SYMBOL_LIMIT, out=rounded)
        return PictureSymbols(rounded.astype(np.int16), z)

    def code_tile(
        self,
        header: Header,
        tile: TileArea,
        y: NDArray[np.float32],
        watch: Stopwatch,
        tally: BitTally,
    ) -> TilePayload:
        """The payload of one tile, from its unrounded y in steps (M, h, w)."""
        alone = TileArea(tile.number, slice(0, y.shape[1]), slice(0, y.shape[2]))
        padded = padded_tile(y, alone, self.loaded.device)
        with watch.stage("analysis"), torch.inference_mode():
            z = self._hyper_latent(padded).cpu().numpy().astype(np.int16)
        rounded = np.rint(y).clip(-P.SYMBOL_LIMIT, P.SYMBOL_LIMIT).astype(np.int16)
        symbols = PictureSymbols(rounded, {tile.number: z})
        part = Part(0, alone)
        return self._encode_batch(header.quality, [symbols], alone.extent, [part], watch, [tally])[
            0
        ]

    def code_tiles(
        self,
        header: Header,
        symbols: PictureSymbols,
        watch: Stopwatch,
        tally: BitTally,
        progress: Progress = no_progress,
    ) -> list[TilePayload]:
        """Payloads of all tiles."""
        return self.code_pictures([header], [symbols], watch, [tally], progress)[0]

    def code_pictures(
        self,
        headers: Sequence[Header],
        symbols: Sequence[PictureSymbols],
        watch: Stopwatch,
        tallies: Sequence[BitTally],
        progress: Progress = no_progress,
    ) -> list[list[TilePayload]]:
        """Payloads of all tiles of pictures of one quality, the same as of each picture alone."""
        payloads: list[dict[int, TilePayload]] = [{} for _ in headers]
        done, total = 0, sum(header.tile_count for header in headers)
        progress("coding", done, total)
        for extent, parts in self._batches(headers):
            made = self._encode_batch(headers[0].quality, symbols, extent, parts, watch, tallies)
            for part, payload in zip(parts, made, strict=True):
                payloads[part.picture][part.area.number] = payload
            done += len(parts)
            progress("coding", done, total)
        return [[own[number] for number in range(len(own))] for own in payloads]

    def _encode_batch(
        self,
        quality: int,
        symbols: Sequence[PictureSymbols],
        extent: Extent,
        parts: Sequence[Part],
        watch: Stopwatch,
        tallies: Sequence[BitTally],
    ) -> list[TilePayload]:
        model, device = self.loaded.entropy, self.loaded.device
        mask = coded_mask(model, self.latent, extent)
        y_parts = torch.stack([padded_tile(symbols[p.picture].y, p.area, device) for p in parts])
        y = y_parts.to(torch.int32)
        grouped = model.group(y).cpu().numpy()
        z_tiles = [symbols[p.picture].z[p.area.number].astype(np.int32) for p in parts]
        z = torch.from_numpy(np.stack(z_tiles)).to(device)
        hyper = [CountingEncoder() for _ in parts]
        latent = [CountingEncoder() for _ in parts]
        with exact_products():
            for encoder, z_tile in zip(hyper, z_tiles, strict=True):
                port = EncodePort(encoder, [z_tile.ravel()])
                code_hyper(model, z_tile.shape, quality, port, watch)
            ports: list[SymbolPort] = [
                EncodePort(
                    encoder, [group[inside] for group, inside in zip(own, mask, strict=True)]
                )
                for encoder, own in zip(latent, grouped, strict=True)
            ]
            fastest = for_encoder(model, y)
            coded = code_latents(fastest, z, quality, ports, mask, watch).cpu().numpy()
        for part, h, e in zip(parts, hyper, latent, strict=True):
            tallies[part.picture].bits_z += h.counter.bits
            tallies[part.picture].bits_y += e.counter.bits
        return [
            TilePayload(
                tile_checksum(p.area, z_tile, y_tile), h.encoder.finish(), e.encoder.finish()
            )
            for p, z_tile, y_tile, h, e in zip(parts, z_tiles, coded, hyper, latent, strict=True)
        ]

    def decode_tiles(
        self,
        header: Header,
        payloads: Sequence[TilePayload],
        watch: Stopwatch,
        progress: Progress = no_progress,
    ) -> PictureSymbols:
        """The symbols of the whole picture.

        Raises:
            FormatError: a stream is damaged.
            MismatchError: the symbols are not those that were encoded.
        """
        h, w = -(-header.height // PATCH), -(-header.width // PATCH)
        y = np.zeros((self.latent, h, w), dtype=np.int16)
        z: dict[int, NDArray[np.int16]] = {}
        progress("decoding", 0, header.tile_count)
        for extent, parts in self._batches([header]):
            tiles = [part.area for part in parts]
            own = [payloads[t.number] for t in tiles]
            y_parts, z_parts = self._decode_batch(header, tiles, own, watch)
            for tile, y_part, z_part in zip(tiles, y_parts, z_parts, strict=True):
                y[:, tile.rows, tile.columns] = y_part[:, : extent.h, : extent.w]
                z[tile.number] = z_part.astype(np.int16)
            progress("decoding", len(z), header.tile_count)
        return PictureSymbols(y, [z[number] for number in range(len(z))])

    def decode_tile(
        self,
        header: Header,
        tile: TileArea,
        payload: TilePayload,
        watch: Stopwatch,
        channels: int | None = None,
    ) -> NDArray[np.int16]:
        """The symbols y (M, h, w) of one tile, or (channels, h, w) of its first channels.

        For those, no more is parsed than they need. The rest of the stream is then not checked,
        nor is the checksum, which covers all symbols.

        Raises:
            FormatError: a stream is damaged.
            MismatchError: the symbols are not those that were encoded.
        """
        y, _ = self._decode_batch(header, [tile], [payload], watch, channels)
        return y[0, :channels, : tile.extent.h, : tile.extent.w].astype(np.int16)

    def find_tile(
        self, header: Header, areas: Iterable[TileArea], payload: TilePayload, watch: Stopwatch
    ) -> tuple[TileArea, NDArray[np.int16]] | None:
        """The tile among ``areas`` that a payload's checksum fits, and its y (M, h, w), or None."""
        ordered = sorted(areas, key=lambda tile: (tile.extent.h, tile.extent.w, tile.number))
        for extent, same in groupby(ordered, key=lambda tile: tile.extent):
            tiles = list(same)
            try:
                y, z = self._decode_batch(header, tiles[:1], [payload], watch, checked=False)
            except FormatError:
                continue  # its streams are of another extent
            for tile in tiles:
                if tile_checksum(tile, z[0], y[0]) == payload.checksum:
                    return tile, y[0, :, : extent.h, : extent.w].astype(np.int16)
        return None

    def decode_cut_tile(
        self, header: Header, tile: TileArea, payload: TilePayload, watch: Stopwatch
    ) -> tuple[NDArray[np.int16], float]:
        """y (M, h, w) of a tile whose latent stream ends early, and the share of it that is known.

        The rest is the likeliest, given what is known. Nothing is checked but the hyper stream.

        Raises:
            FormatError: the hyper stream is damaged.
        """
        port = CutPort(SymbolDecoder(payload.latent))
        y, _ = self._decode_batch(header, [tile], [payload], watch, cut=port)
        return y[0, :, : tile.extent.h, : tile.extent.w].astype(np.int16), port.arrived / port.asked

    def _decode_batch(
        self,
        header: Header,
        tiles: Sequence[TileArea],
        payloads: Sequence[TilePayload],
        watch: Stopwatch,
        channels: int | None = None,
        checked: bool = True,
        cut: CutPort | None = None,
    ) -> tuple[Symbols, Symbols]:
        """y (tiles, M, h, w) and z (tiles, hyper, h/4, w/4) of tiles of one extent."""
        model, extent = self.loaded.entropy, tiles[0].extent
        mask = coded_mask(model, self.latent, extent)
        shape = (self.hyper, extent.padded_h // HYPER_STRIDE, extent.padded_w // HYPER_STRIDE)
        z_parts = []
        for payload in payloads:
            decoder = SymbolDecoder(payload.hyper)
            z_parts.append(code_hyper(model, shape, header.quality, DecodePort(decoder), watch))
            decoder.finish()
        z = np.stack(z_parts)
        decoders = [SymbolDecoder(payload.latent) for payload in payloads]
        ports: list[SymbolPort] = [cut or DecodePort(decoder) for decoder in decoders]
        stop = len(mask)
        if channels is not None:
            stop = groups_of(model, self.latent, channels, extent)
        with exact_products():
            z_hat = torch.from_numpy(z).to(self.loaded.device)
            coded = code_latents(model, z_hat, header.quality, ports, mask, watch, stop)
            symbols = coded.cpu().numpy()
        if stop < len(mask) or cut is not None:
            return symbols, z
        for decoder in decoders:
            decoder.finish()
        for tile, payload, z_tile, y_tile in zip(tiles, payloads, z, symbols, strict=True):
            if checked and tile_checksum(tile, z_tile, y_tile) != payload.checksum:
                raise MismatchError("the decoded symbols are not the ones that were encoded")
        return symbols, z


def tile_checksum(tile: TileArea, z: Symbols, y: Symbols) -> int:
    """Checksum over a tile's number and its coded symbols: z, then y without its padding."""
    inside = np.ascontiguousarray(y[:, : tile.extent.h, : tile.extent.w])
    return symbol_checksum([z, inside], tile.number.to_bytes(4, "little"))
