"""What a process does before and while torch is loaded: faster, and fair to other processes.

`own_process` is for processes that lcodec starts itself: the program, and the workers of a batch.
In a process of somebody else only importing torch is made faster.

Threads of OpenMP wait for each other by spinning, by default so long that two programs on the same
cores keep each other from working: two at once took five to twenty times as long as one alone. With
a short spin they take twice as long, and one alone no longer than before. Threads that have next to
nothing to do cost more than they bring, so small pictures are left to one.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

SHORT_SPINS = {
    # GNU's OpenMP, which torch brings on Linux: turns of a loop, about 5 microseconds of them.
    "GOMP_SPINCOUNT": "2000",
    # That of LLVM and Intel, on macOS and Windows: milliseconds, in place of 200.
    "KMP_BLOCKTIME": "1",
}
OTHER_SETTINGS = {
    "GOMP_SPINCOUNT": ("OMP_WAIT_POLICY",),
    "KMP_BLOCKTIME": ("OMP_WAIT_POLICY", "KMP_LIBRARY"),
}
"""Variables that say how to wait, too; whoever sets them is left alone."""
NO_SEARCH = "TORCH_DEVICE_BACKEND_AUTOLOAD"
"""Whether torch looks through all installed packages for devices other than those we use."""

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # as <malloc.h> numbers them
KEPT_BYTES = 1 << 30
"""Memory up to this is kept when it is freed, to be used again."""
ALLOCATOR_SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")

PIXELS_A_THREAD = 1 << 16
"""A thread for less than this does not pay."""


class _Process:
    """What is known of this process.

    Attributes:
        own: it is ours.
        threads: as many as torch would take; None if the user has said how many.
        chosen: what they were set to last.
    """

    own = False
    threads: int | None = None
    chosen: int | None = None


def settings(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables to add to those there are; none that the user has settled is among them."""
    added = {
        name: value
        for name, value in SHORT_SPINS.items()
        if not {name, *OTHER_SETTINGS[name]} & set(variables)
    }
    return added if NO_SEARCH in variables else added | {NO_SEARCH: "0"}


def own_process() -> None:
    """Settle how this process waits and loads; to be called before torch is imported."""
    os.environ.update(settings(os.environ))
    _Process.own = True


@contextmanager
def collecting_nothing() -> Iterator[None]:
    """No garbage collection inside the block, which imports much and leaves none.

    In a process of ours, what is there at the end is never looked at again.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if _Process.own:
            gc.freeze()
        if enabled:
            gc.enable()


def keep_memory() -> None:
    """Have the C library keep what is freed, unless the user has settled it.

    By default glibc takes every large array anew from the system and gives it back at once, page by
    page: in the transforms, whose layers each make a few, that was up to 45 % of the time.
    """
    import ctypes

    if sys.platform != "linux" or set(ALLOCATOR_SETTINGS) & set(os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(TRIM_THRESHOLD, KEPT_BYTES)


def use_threads(count: int) -> None:
    """Compute with so many threads, whatever the work."""
    import torch

    torch.set_num_threads(count)
    _Process.threads = None


def suit_threads(pixels: int) -> None:
    """As many threads as so many pixels are worth, in a process of ours that was told no number.

    If somebody has told torch another number meanwhile, that stays, too.
    """
    import torch

    untold = torch.get_num_threads() == _Process.chosen
    if _Process.own and _Process.threads is not None and untold:
        _Process.chosen = max(1, min(_Process.threads, pixels // PIXELS_A_THREAD))
        torch.set_num_threads(_Process.chosen)


def torch_is_loaded() -> None:
    """Remember the threads that torch chose, unless the user chose them; see to the memory."""
    import torch

    if _Process.own:
        keep_memory()
    if not {"OMP_NUM_THREADS", "MKL_NUM_THREADS"} & set(os.environ):
        _Process.threads = _Process.chosen = torch.get_num_threads()
