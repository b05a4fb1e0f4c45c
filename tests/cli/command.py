"""Running the real command, and files to run it on."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lcodec.container import Header, TilePayload, write
from lcodec.weights.lock import lock_model

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 600
"""Seconds; far more than is needed, for machines that are busy with something else."""

MODEL_ID = b"\x01\x02\x03\x04"


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    status: int
    out: bytes
    err: str

    @property
    def error_line(self) -> str:
        """The only line on standard error, which must be one of ours."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("lcodec: "), self.err
        return lines[0].removeprefix("lcodec: ")


def environment(**changes: str) -> dict[str, str]:
    """Variables under which ``python -m lcodec`` runs this checkout from anywhere."""
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | changes


def command(*arguments: str | Path) -> list[str]:
    """The command line of ``lcodec`` with ``arguments``."""
    return [sys.executable, "-m", "lcodec", *map(str, arguments)]


def lcodec(
    *arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None, **changes: str
) -> Result:
    """Run the command in a process of its own; keywords are environment variables."""
    done = subprocess.run(
        command(*arguments),
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=environment(**changes),
        timeout=TIMEOUT,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr.decode())


def lic_file(width: int = 40, height: int = 30) -> bytes:
    """A sound ``.lic`` file whose streams mean nothing."""
    header = Header(width, height, 3, 8, 50, 1024, 1, "gmix", MODEL_ID)
    tile = TilePayload(checksum=7, hyper=bytes(4), latent=bytes(range(8)))
    return write(header, [tile] * header.tile_count)


def hollow_model(root: Path, name: str = "groupedmixer") -> Path:
    """A model that is found by name and by `MODEL_ID` but holds no weights; its folder."""
    folder = root / "models" / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(f'{{"model_id": "{MODEL_ID.hex()}"}}')
    lock_model(root / "models", name)
    return root / "models"


PNG_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
