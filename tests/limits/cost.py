"""What hostile files cost: peak memory and CPU seconds beyond those of a small sound file.

    python -m tests.limits.cost SOUND FILE...

Every FILE is put through everything that takes one, in this process. Prints a `Cost` for each as
JSON. Peaks are of the whole process, so one that shows is not hidden by an earlier one only if
that was smaller: the files come in the order in which they may be large.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from PIL import Image

import lcodec
from benchmarks.memory import peak_bytes

MIB = 1 << 20


@dataclass(frozen=True)
class Cost:
    """``memory`` in bytes, ``seconds`` of the CPU, and what was raised."""

    file: str
    action: str
    error: str
    memory: int
    seconds: float


def decode(path: str) -> None:
    lcodec.decode(path, device="cpu")


def open_with_pillow(path: str) -> None:
    with Image.open(path) as image:
        image.load()


ACTIONS: dict[str, Callable[[str], None]] = {"decode": decode, "open": open_with_pillow}


def used() -> tuple[int, float]:
    now = resource.getrusage(resource.RUSAGE_SELF)
    return peak_bytes(), now.ru_utime + now.ru_stime


def cost(path: str, name: str) -> Cost:
    memory, seconds = used()
    error = "none"
    try:
        ACTIONS[name](path)
    except Exception as caught:
        error = type(caught).__name__
    after, later = used()
    return Cost(path, name, error, after - memory, later - seconds)


if __name__ == "__main__":
    lcodec.register_pillow()
    Image.MAX_IMAGE_PIXELS = None  # the plugin's own limits are meant
    sound, *files = sys.argv[1:]
    for action in ACTIONS:
        ACTIONS[action](sound)
    print(json.dumps([asdict(cost(path, action)) for path in files for action in ACTIONS]))
