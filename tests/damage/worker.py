"""Decode damaged files while memory is limited to little more than sound files need.

    python -m tests.damage.worker < task.json

The limit holds for the whole process, so it takes one of its own. Prints a `Result` as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

import numpy as np

import lcodec
from tests.damage.damage import (
    Verdict,
    accidents,
    beneath_crc,
    flips,
    header_flips,
    truncations,
    try_all,
)


@dataclass(frozen=True)
class Task:
    """Files, how often to damage each, and the bytes allowed beyond a sound decode."""

    files: tuple[str, ...]
    flips: int
    truncations: int
    beneath: int
    extra_memory: int
    seed: int = 0


@dataclass
class Result:
    """``normal``: seconds a sound file takes at most; ``limit_holds``: more memory is refused."""

    problems: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    normal: float = 0.0
    slowest: float = 0.0
    slowest_case: str = ""
    limit_holds: bool = False


def decode(data: bytes) -> lcodec.Decoded:
    return lcodec.decode(data, device="cpu")


def seconds_to_decode(data: bytes) -> float:
    start = time.perf_counter()
    decode(data)
    return time.perf_counter() - start


def limit_memory(extra: int) -> None:
    """Refuse this process more than ``extra`` bytes of address space beyond what it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    wanted = pages * resource.getpagesize() + extra
    resource.setrlimit(resource.RLIMIT_AS, (wanted, resource.getrlimit(resource.RLIMIT_AS)[1]))


def limit_holds(extra: int) -> bool:
    """Whether the limit is in force."""
    try:
        np.empty(2 * extra, np.uint8)
    except MemoryError:
        return True
    return False


def carry_out(task: Task) -> Result:
    """Decode everything once undamaged, then limit memory and try the damaged ones."""
    files = {path: Path(path).read_bytes() for path in task.files}
    for data in files.values():
        decode(data)
    normal = max(seconds_to_decode(data) for data in files.values())
    verdict, random = Verdict(), Random(task.seed)
    limit_memory(task.extra_memory)
    for path, data in files.items():
        name = Path(path).stem
        for cases in (
            header_flips(data),
            flips(data, task.flips, random),
            truncations(data, task.truncations, random),
            accidents(data, random),
            beneath_crc(data, task.beneath, random),
        ):
            try_all(name, cases, decode, verdict)
    codes = {str(code): count for code, count in sorted(verdict.codes.items())}
    return Result(
        verdict.problems,
        codes,
        normal,
        verdict.slowest,
        verdict.slowest_case,
        limit_holds(task.extra_memory),
    )


if __name__ == "__main__":
    print(json.dumps(asdict(carry_out(Task(**json.load(sys.stdin))))))
