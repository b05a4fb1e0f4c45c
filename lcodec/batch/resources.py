"""How many workers a machine has room for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lcodec.format import PATCH
from lcodec.limits import BLOCK_PIXELS, BYTES_PER_BLOCK_PIXEL, PIECE

# Measured with the released model: resident memory of an encoding or decoding process.
BASE_BYTES = 420 << 20
BLOCKS_HELD = 1.6  # of what one has freed, the next can use a part only
BYTES_PER_PIXEL = 20
AREA_PIXELS = (PIECE * PATCH) ** 2  # effort optimises areas of this size
BYTES_PER_AREA_PIXEL = 1500  # with float32; a little less where bfloat16 is fast
MEMORY_SHARE = 0.8

WORTHWHILE_PIXELS = 4 << 20
"""A worker with less work than this spends most of its time loading the networks."""

_CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_bytes(pixels: int, *, effort: int = 0) -> int:
    """Estimated memory in bytes of a worker on a picture of ``pixels`` pixels."""
    work = int(BYTES_PER_BLOCK_PIXEL * min(pixels, BLOCKS_HELD * BLOCK_PIXELS))
    if effort > 0:
        work = max(work, BYTES_PER_AREA_PIXEL * min(pixels, AREA_PIXELS))
    return BASE_BYTES + work + BYTES_PER_PIXEL * pixels


def default_jobs(pixels: Iterable[int], *, effort: int = 0, threads: int = 1) -> int:
    """Number of workers for pictures of these sizes, limited by cores, memory and work.

    ``threads`` is the number of cores per worker.
    """
    sizes = list(pixels)
    if not sizes:
        return 1
    worthwhile = len(sizes) if effort > 0 else -(-sum(sizes) // WORTHWHILE_PIXELS)
    limits = [cores() // threads, len(sizes), worthwhile]
    free = available_bytes()
    if free is not None:
        limits.append(int(free * MEMORY_SHARE) // worker_bytes(max(sizes), effort=effort))
    return max(1, min(limits))


def available_bytes() -> int | None:
    """Bytes of memory that can be used without swapping, None if unknown."""
    known = [value for value in (_from_meminfo(), _from_cgroup()) if value is not None]
    return min(known, default=None)


def _from_meminfo(path: Path = Path("/proc/meminfo")) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return None


def _from_cgroup() -> int | None:
    """Bytes left within the limit of a container (control groups, version 2 or 1)."""
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            values = [int((_CGROUP / name).read_text()) for name in (limit, used)]
        except (OSError, ValueError):  # no such file, or "max" for no limit
            continue
        return max(0, values[0] - values[1])
    return None
