"""How many cores other processes leave to this one.

Threads that work together on one operation wait for the slowest of them, so with fewer free cores
than threads most of the time goes into waiting.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

LOAD = Path("/proc/loadavg")
"""Its fourth field is ``running/all``: how many of the machine's threads run or wait for a core."""

COUNTS, PAUSE = 3, 0.001
"""How often the running threads are counted, and seconds between; the lowest count holds."""


def others_running() -> int:
    """How many threads of the machine run or wait for a core, beside the calling one.

    What runs for a moment only is not counted, and nothing where the system does not tell.
    """
    counts = []
    for number in range(COUNTS):
        if number:
            time.sleep(PAUSE)
        try:
            running = LOAD.read_text(encoding="ascii").split()[3].partition("/")[0]
            counts.append(int(running) - 1)
        except (OSError, ValueError, IndexError):
            return 0
    return max(0, min(counts))


def free_cores() -> int:
    """How many cores of the machine the others leave, at least one.

    Of all cores, not of those that this process may use: what runs is counted on all of them.
    """
    return max(1, (os.cpu_count() or 1) - others_running())
