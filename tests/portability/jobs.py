"""What a worker process is asked to do, the settings it runs under, and what it reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

FAST_CARRIERS = ("int8", "float32", "float64")

# All that decides which kernels torch, oneDNN and MKL choose; a worker starts without them.
STEERING = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_DEBUG_CPU_TYPE",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_NUM_THREADS",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
)


@dataclass(frozen=True)
class Setting:
    """Instruction sets of oneDNN, ATen and MKL (None: the library chooses), and threads."""

    onednn: str | None = None
    aten: str | None = None
    mkl: str | None = None
    fpmath: str | None = None
    threads: int = 1

    def environment(self) -> dict[str, str]:
        """Environment of a worker under this setting."""
        chosen = {
            "ATEN_CPU_CAPABILITY": self.aten,
            "MKL_CBWR": self.mkl,
            "ONEDNN_DEFAULT_FPMATH_MODE": self.fpmath,
            "ONEDNN_MAX_CPU_ISA": self.onednn,
            "OMP_NUM_THREADS": str(self.threads),
            "OMP_WAIT_POLICY": "PASSIVE",  # other processes may want the cores
        }
        inherited = {k: v for k, v in os.environ.items() if k not in STEERING}
        return inherited | {k: v for k, v in chosen.items() if v is not None}

    def __str__(self) -> str:
        parts = {
            "onednn": self.onednn,
            "aten": self.aten,
            "mkl": self.mkl,
            "fpmath": self.fpmath,
            "threads": self.threads,
        }
        return "-".join(f"{name}_{value}" for name, value in parts.items() if value is not None)


@dataclass(frozen=True)
class Source:
    """A picture (.npy, uint8) to encode; each carrier writes ``<stem>.<carrier>.lic``."""

    models: str
    model: str
    pixels: str
    quality: int
    tile_edge: int
    stem: str


@dataclass(frozen=True)
class Coded:
    """A .lic file, the model it was made with and the folder of that."""

    models: str
    model: str
    path: str


@dataclass(frozen=True)
class Job:
    """Pictures to encode with every carrier, then files to decode in every way.

    ``decode_written``: decode the files just encoded, too.
    """

    threads: int
    encode: tuple[Source, ...] = ()
    decode: tuple[Coded, ...] = ()
    decode_written: bool = False
    carriers: tuple[str, ...] = ("float32",)
    tiles_at_once: tuple[int, ...] = (1,)
    cached: tuple[bool, ...] = (True,)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        data = json.loads(text)
        return cls(
            threads=data["threads"],
            encode=tuple(Source(**source) for source in data["encode"]),
            decode=tuple(Coded(**coded) for coded in data["decode"]),
            decode_written=data["decode_written"],
            carriers=tuple(data["carriers"]),
            tiles_at_once=tuple(data["tiles_at_once"]),
            cached=tuple(data["cached"]),
        )


@dataclass
class Report:
    """What came out.

    ``symbols``: for each file and way of decoding the hash of all its latents, or the name of
    the error. ``written``: the files encoded. ``probes``: hashes of floating-point results, which
    may differ between settings and so show that a setting had an effect.
    """

    capability: str = ""
    threads: int = 0
    symbols: dict[str, dict[str, str]] = field(default_factory=dict)
    written: list[Coded] = field(default_factory=list)
    probes: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Report:
        data: dict[str, Any] = json.loads(text)
        data["written"] = [Coded(**coded) for coded in data["written"]]
        return cls(**data)


def run_worker(job: Job, setting: Setting, timeout: float = 1800.0) -> Report:
    """Run a job in a process of its own; AssertionError if that process fails."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.portability.worker"],
        input=job.to_json(),
        cwd=ROOT,
        env=setting.environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{setting}: {done.stderr[-2000:]}"
    report = Report.from_json(done.stdout)
    assert report.threads == setting.threads
    return report
