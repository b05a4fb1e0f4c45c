"""The peak memory of a process, measured once for benchmarks, tools and tests."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak_bytes() -> int:
    """Most bytes that were resident so far, of this program alone.

    On Linux ``ru_maxrss`` begins with the peak of the process that started this one, and growth
    below it would not show.
    """
    status = Path("/proc/self/status")
    if status.exists():
        words = status.read_text().split()
        return int(words[words.index("VmHWM:") + 1]) << 10
    told = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return told if sys.platform == "darwin" else told << 10
