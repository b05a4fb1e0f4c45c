"""Which tiles go through the entropy network together, and how such batches overlap."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from lcodec.container import DEFAULT_TILE_EDGE, Header
from lcodec.entropy.interface import Extent
from lcodec.nets.transforms import PATCH
from lcodec.pipeline.areas import TileArea, tile_areas
from lcodec.process.timing import Stopwatch

POSITIONS = (DEFAULT_TILE_EDGE // PATCH) ** 2
"""Latent positions of a full tile."""

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """One tile of one of several pictures."""

    picture: int
    area: TileArea


@dataclass(frozen=True)
class Batch:
    """Tiles of one quality level and one extent."""

    quality: int
    extent: Extent
    parts: tuple[Part, ...]

    @property
    def areas(self) -> list[TileArea]:
        """The tiles themselves."""
        return [part.area for part in self.parts]


def batches(headers: Sequence[Header], tiles_at_once: int) -> Iterator[Batch]:
    """All tiles of some pictures, those of equal quality and extent together.

    At most ``tiles_at_once`` tiles of one picture. Several pictures share a batch as long as it
    takes no more memory than so many full tiles.
    """
    parts = [Part(n, area) for n, header in enumerate(headers) for area in tile_areas(header)]

    def kind(part: Part) -> tuple[int, int, int]:
        extent = part.area.extent
        return extent.h, extent.w, headers[part.picture].quality

    parts.sort(key=lambda part: (*kind(part), part.picture, part.area.number))
    for (_, _, quality), group in groupby(parts, key=kind):
        same = tuple(group)
        extent, count = same[0].area.extent, tiles_at_once
        if len(headers) > 1:
            count *= max(1, POSITIONS // (extent.padded_h * extent.padded_w))
        for start in range(0, len(same), count):
            yield Batch(quality, extent, same[start : start + count])


def overlapped(
    work: Callable[[Batch, Stopwatch], T], todo: Iterable[Batch], threads: int, watch: Stopwatch
) -> Iterator[tuple[Batch, T]]:
    """The result of each batch, in order, with ``threads`` batches in work at a time.

    On a GPU, the range coder of one batch then runs beside the network of another. Stages of all
    threads are added up in ``watch``.
    """
    if threads == 1:
        for batch in todo:
            yield batch, work(batch, watch)
        return
    running: deque[tuple[Batch, Stopwatch, Future[T]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for batch in todo:
                own = Stopwatch()
                running.append((batch, own, pool.submit(work, batch, own)))
                if len(running) > threads:
                    yield _first(running, watch)
            while running:
                yield _first(running, watch)
        finally:
            for _, _, future in running:
                future.cancel()


def _first(running: deque[tuple[Batch, Stopwatch, Future[T]]], watch: Stopwatch) -> tuple[Batch, T]:
    batch, own, future = running.popleft()
    result = future.result()
    watch.add(own.seconds)
    return batch, result
