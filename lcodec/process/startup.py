"""Prepare a process for torch: load it faster, and be fair to other processes.

`own_process` is for processes that lcodec starts itself: the program, and the workers of a batch.
In any other process, only the import of torch is made faster.

OpenMP threads wait for each other by spinning, by default so long that two programs on the same
cores keep each other from working: two at once took five to twenty times as long as one alone. With
a short spin it is little more than twice as long, and one alone takes no longer than before.
Threads that have next to nothing to do, or no core to do it on, cost more than they gain: small
pictures get a single thread, and others no more than there are free cores.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lcodec.process.cores import free_cores

SHORT_SPINS = {
    # GNU's OpenMP, which torch brings on Linux: turns of a loop, about 5 microseconds in all.
    "GOMP_SPINCOUNT": "2000",
    # LLVM's and Intel's, on macOS and Windows: milliseconds, instead of 200.
    "KMP_BLOCKTIME": "1",
}
OTHER_SETTINGS = {
    "GOMP_SPINCOUNT": ("OMP_WAIT_POLICY",),
    "KMP_BLOCKTIME": ("OMP_WAIT_POLICY", "KMP_LIBRARY"),
}
"""Other variables that say how to wait; if one is set, ours is not."""
NO_SEARCH = "TORCH_DEVICE_BACKEND_AUTOLOAD"
"""Whether torch searches all installed packages for devices other than those we use."""

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # as <malloc.h> numbers them
KEPT_BYTES = 1 << 30
"""Freed memory up to this size is kept for reuse."""
ALLOCATOR_SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")

PIXELS_A_THREAD = 1 << 16
"""Fewer pixels than this do not pay for a thread."""


class _Process:
    """What is known of this process.

    Attributes:
        own: whether lcodec started it.
        threads: how many torch would use; None if the user has chosen a number.
        chosen: the number that was set last.
    """

    own = False
    threads: int | None = None
    chosen: int | None = None


def settings(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables to add to the environment's, except what the user has set."""
    added = {
        name: value
        for name, value in SHORT_SPINS.items()
        if not {name, *OTHER_SETTINGS[name]} & set(variables)
    }
    return added if NO_SEARCH in variables else added | {NO_SEARCH: "0"}


def own_process() -> None:
    """Set how this process waits and loads; call it before torch is imported."""
    os.environ.update(settings(os.environ))
    _Process.own = True


@contextmanager
def collecting_nothing() -> Iterator[None]:
    """Suspend garbage collection inside the block, which imports much and leaves no garbage.

    In a process of ours, objects that exist at the end are never scanned again.
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
    """Have the C library keep freed memory, unless the user has configured it.

    By default glibc takes every large array from the system and gives it back at once, page by
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
    """Compute with ``count`` threads, whatever the work."""
    import torch

    torch.set_num_threads(count)
    _Process.threads = None


def suit_threads(pixels: int) -> None:
    """Set as many threads as ``pixels`` are worth, in a process of ours without a user's choice.

    But no more than other processes leave cores free. A number that somebody has set in torch
    meanwhile is kept, too. What is computed does not depend on it.
    """
    import torch

    untold = torch.get_num_threads() == _Process.chosen
    if _Process.own and _Process.threads is not None and untold:
        wanted = max(1, min(_Process.threads, pixels // PIXELS_A_THREAD))
        _Process.chosen = min(wanted, free_cores()) if wanted > 1 else 1
        torch.set_num_threads(_Process.chosen)


def torch_is_loaded() -> None:
    """Note how many threads torch chose, unless the user did; in a process of ours, keep memory."""
    import torch

    if _Process.own:
        keep_memory()
    if not {"OMP_NUM_THREADS", "MKL_NUM_THREADS"} & set(os.environ):
        _Process.threads = _Process.chosen = torch.get_num_threads()
