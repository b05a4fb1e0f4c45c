"""Latents to tile payloads and back: hyper-latent, group loop, streams, checksums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from lcodec.coding import (
    BitCounter,
    CutPort,
    DecodePort,
    EncodePort,
    SymbolDecoder,
    SymbolEncoder,
    SymbolPort,
)
from lcodec.container import Header, TilePayload
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
from lcodec.pipeline.areas import Places, TileArea, padded_tile, tile_areas, tile_checksum
from lcodec.pipeline.batches import Batch, Part, batches, overlapped
from lcodec.pipeline.latents import Latents
from lcodec.pipeline.skipping import skipped_by, skipped_hyper
from lcodec.pipeline.symbols import PictureSymbols, zero_skipped
from lcodec.pipeline.tally import BitTally
from lcodec.process.progress import Progress, no_progress
from lcodec.process.timing import Stopwatch
from lcodec.weights.load import LoadedModel

TILES_ON_GPU = 8
THREADS_WITH_GPU = 2
"""One waits for the network while the other codes ranges."""


class _Decoded(NamedTuple):
    """y (tiles, M, h, w), z (tiles, hyper, h/4, w/4), and by tile what of y is skipped (h, w)."""

    y: Symbols
    z: Symbols
    skipped: list[NDArray[np.bool_] | None]


class LatentCoder:
    """Codes latents with one entropy model.

    ``tiles_at_once`` tiles of equal size run together, on a GPU in ``threads`` overlapping batches.
    """

    def __init__(
        self, loaded: LoadedModel, tiles_at_once: int | None = None, threads: int | None = None
    ) -> None:
        self.loaded = loaded
        gpu = loaded.device.type == "cuda"
        self.tiles_at_once = (
            (TILES_ON_GPU if gpu else 1) if tiles_at_once is None else tiles_at_once
        )
        self.threads = (THREADS_WITH_GPU if gpu else 1) if threads is None else threads
        self.latent = loaded.config.transforms.latent
        self.hyper = loaded.config.transforms.hyper_latent

    @exact_products()
    def _hyper_latent(self, y: NDArray[np.float32], tile: TileArea) -> NDArray[np.int16]:
        """z, rounded (hyper, h/4, w/4), of one tile of y (M, h, w)."""
        padded = padded_tile(y, tile, self.loaded.device)
        z = self.loaded.transforms.hyper_analysis(padded[None])[0]
        rounded = torch.round(z).clamp(-P.HYPER_LIMIT, P.HYPER_LIMIT)
        found: NDArray[np.int16] = rounded.cpu().numpy().astype(np.int16)
        return found

    def quantise(self, header: Header, latents: Latents, watch: Stopwatch) -> PictureSymbols:
        """The symbols of a picture: what its latents are rounded to, and the z of each tile."""
        with watch.stage("analysis"):
            z = [self._hyper_latent(latents.y, tile) for tile in tile_areas(header)]
        return PictureSymbols(latents.rounded, z)

    def code_tile(
        self,
        header: Header,
        tile: TileArea,
        latents: Latents,
        watch: Stopwatch,
        tally: BitTally,
        skipped: NDArray[np.bool_] | None = None,
    ) -> TilePayload:
        """The payload of one tile, from its own latents, less the positions ``skipped`` (h, w)."""
        h, w = latents.y.shape[1:]
        alone = TileArea(tile.number, slice(0, h), slice(0, w))
        with watch.stage("analysis"):
            z = self._hyper_latent(latents.y, alone)
        y, masks = latents.rounded, {}
        if skipped is not None:
            y, masks = y.copy(), {tile.number: skipped}
            zero_skipped(y, z, skipped, alone.extent)
        symbols = PictureSymbols(y, {tile.number: z}, masks)
        batch = Batch(header.quality, alone.extent, (Part(0, alone),))
        ((payload, bits),) = self._encode_batch(batch, [symbols], watch)
        tally.add(bits)
        return payload

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
        todo = batches(headers, self.tiles_at_once)

        def encode(batch: Batch, watch: Stopwatch) -> list[tuple[TilePayload, BitTally]]:
            return self._encode_batch(batch, symbols, watch)

        for batch, made in overlapped(encode, todo, self.threads, watch):
            for part, (payload, bits) in zip(batch.parts, made, strict=True):
                payloads[part.picture][part.area.number] = payload
                tallies[part.picture].add(bits)
            done += len(batch.parts)
            progress("coding", done, total)
        return [[own[number] for number in range(len(own))] for own in payloads]

    @exact_products()
    def _encode_batch(
        self, batch: Batch, symbols: Sequence[PictureSymbols], watch: Stopwatch
    ) -> list[tuple[TilePayload, BitTally]]:
        quality, extent, parts = batch.quality, batch.extent, batch.parts
        model, device = self.loaded.entropy, self.loaded.device
        skipped = [symbols[p.picture].skipped.get(p.area.number) for p in parts]
        above = [skipped_hyper(own, extent) for own in skipped]
        masks = self._masks(extent, skipped)
        y_parts = torch.stack([padded_tile(symbols[p.picture].y, p.area, device) for p in parts])
        y = y_parts.to(torch.int32)
        grouped = [group.cpu().numpy() for group in model.group(y)]
        z_tiles = [symbols[p.picture].z[p.area.number].astype(np.int32) for p in parts]
        z = torch.from_numpy(np.stack(z_tiles)).to(device)
        counters = [(BitCounter(), BitCounter()) for _ in parts]
        latent = [SymbolEncoder(of_y) for of_y, _ in counters]
        hyper = [SymbolEncoder(of_z) for _, of_z in counters]
        for encoder, z_tile, own in zip(hyper, z_tiles, above, strict=True):
            port = EncodePort(encoder, [z_tile if own is None else z_tile[:, ~own]])
            code_hyper(model, z_tile.shape, quality, port, watch, own)
        ports: list[SymbolPort] = [
            EncodePort(
                encoder, [group[tile][own] for group, own in zip(grouped, mask, strict=True)]
            )
            for tile, (encoder, mask) in enumerate(zip(latent, masks, strict=True))
        ]
        fastest = for_encoder(model, y)
        coded = code_latents(fastest, z, quality, ports, masks, watch).cpu().numpy()
        return [
            (
                TilePayload(tile_checksum(p.area, z_tile, y_tile), h.finish(), e.finish()),
                BitTally(of_y.bits, of_z.bits),
            )
            for p, z_tile, y_tile, h, e, (of_y, of_z) in zip(
                parts, z_tiles, coded, hyper, latent, counters, strict=True
            )
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
        return self.decode_pictures([header], [payloads], watch, progress)[0]

    def decode_pictures(
        self,
        headers: Sequence[Header],
        payloads: Sequence[Sequence[TilePayload]],
        watch: Stopwatch,
        progress: Progress = no_progress,
    ) -> list[PictureSymbols]:
        """The symbols of several pictures; raises as `decode_tiles`."""
        y = [
            np.zeros((self.latent, -(-h.height // PATCH), -(-h.width // PATCH)), np.int16)
            for h in headers
        ]
        z: list[dict[int, NDArray[np.int16]]] = [{} for _ in headers]
        skipped: list[dict[int, NDArray[np.bool_]]] = [{} for _ in headers]
        done, total = 0, sum(header.tile_count for header in headers)
        progress("decoding", done, total)

        def decode(batch: Batch, watch: Stopwatch) -> _Decoded:
            own = [payloads[part.picture][part.area.number] for part in batch.parts]
            return self._decode_batch(batch.quality, batch.areas, own, watch)

        todo = batches(headers, self.tiles_at_once)
        for batch, decoded in overlapped(decode, todo, self.threads, watch):
            h, w = batch.extent.h, batch.extent.w
            for part, y_part, z_part, own in zip(batch.parts, *decoded, strict=True):
                y[part.picture][:, part.area.rows, part.area.columns] = y_part[:, :h, :w]
                z[part.picture][part.area.number] = z_part.astype(np.int16)
                if own is not None:
                    skipped[part.picture][part.area.number] = own
            done += len(batch.parts)
            progress("decoding", done, total)
        return [
            PictureSymbols(own, [tiles[number] for number in range(len(tiles))], masks)
            for own, tiles, masks in zip(y, z, skipped, strict=True)
        ]

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
        y, _, _ = self._decode_batch(header.quality, [tile], [payload], watch, channels)
        return y[0, :channels, : tile.extent.h, : tile.extent.w].astype(np.int16)

    def find_tile(
        self,
        header: Header,
        places: Places,
        alike: Iterable[TileArea],
        payload: TilePayload,
        watch: Stopwatch,
    ) -> tuple[TileArea, NDArray[np.int16]] | None:
        """The tile among ``places`` that a payload's checksum fits, and its y (M, h, w), or None.

        It is sought among those of the extents of ``alike``. The payload is decoded once for each
        of these, however many places there are.
        """
        for tile in alike:
            try:
                y, z, _ = self._decode_batch(
                    header.quality, [tile], [payload], watch, checked=False
                )
            except FormatError:
                continue  # its streams are of another extent
            extent = tile.extent
            fitting = places.holding(payload.checksum, extent, z[0], y[0])
            if fitting is not None:
                return fitting, y[0, :, : extent.h, : extent.w].astype(np.int16)
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
        y, _, _ = self._decode_batch(header.quality, [tile], [payload], watch, cut=port)
        share = port.arrived / port.asked if port.asked else 1.0
        return y[0, :, : tile.extent.h, : tile.extent.w].astype(np.int16), share

    def _masks(
        self, extent: Extent, skipped: Sequence[NDArray[np.bool_] | None]
    ) -> list[list[NDArray[np.bool_]]]:
        """What is coded of each tile; see `coded_mask`."""
        model = self.loaded.entropy
        plain = coded_mask(model, self.latent, extent)
        return [
            plain if own is None else coded_mask(model, self.latent, extent, own) for own in skipped
        ]

    @exact_products()
    def _decode_batch(
        self,
        quality: int,
        tiles: Sequence[TileArea],
        payloads: Sequence[TilePayload],
        watch: Stopwatch,
        channels: int | None = None,
        checked: bool = True,
        cut: CutPort | None = None,
    ) -> _Decoded:
        """The symbols of tiles of one extent."""
        model, extent = self.loaded.entropy, tiles[0].extent
        skipped = [skipped_by(payload.layer, extent) for payload in payloads]
        masks = self._masks(extent, skipped)
        shape = (self.hyper, extent.padded_h // HYPER_STRIDE, extent.padded_w // HYPER_STRIDE)
        z_parts = []
        for payload, own in zip(payloads, skipped, strict=True):
            decoder = SymbolDecoder(payload.hyper)
            port, above = DecodePort(decoder), skipped_hyper(own, extent)
            z_parts.append(code_hyper(model, shape, quality, port, watch, above))
            decoder.finish()
        z = np.stack(z_parts)
        decoders = [SymbolDecoder(payload.latent) for payload in payloads]
        ports: list[SymbolPort] = [cut or DecodePort(decoder) for decoder in decoders]
        stop = len(masks[0])
        if channels is not None:
            stop = groups_of(model, self.latent, channels, extent)
        z_hat = torch.from_numpy(z).to(self.loaded.device)
        coded = code_latents(model, z_hat, quality, ports, masks, watch, stop)
        symbols = coded.cpu().numpy()
        if stop < len(masks[0]) or cut is not None:
            return _Decoded(symbols, z, skipped)
        for decoder in decoders:
            decoder.finish()
        for tile, payload, z_tile, y_tile in zip(tiles, payloads, z, symbols, strict=True):
            if checked and tile_checksum(tile, z_tile, y_tile) != payload.checksum:
                raise MismatchError("the decoded symbols are not the ones that were encoded")
        return _Decoded(symbols, z, skipped)
