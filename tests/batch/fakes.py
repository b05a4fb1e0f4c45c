"""A codec that takes no time, for batches of many files, and the command with it.

``python -m tests.batch.fakes batch SRC DST ...`` is the real command but for the codec. Names of
pictures ask for mishaps: ``dies`` kills the process, ``fails`` raises an error, ``lacks`` runs out
of memory, ``falls`` kills the process while it writes, ``fills`` finds the disk full then; with
``once`` in the name the first three happen the first time only. White pictures get a note from the
codec. Environment: ``FAKE_SECONDS`` is how long a picture takes, ``FAKE_WRITE_SECONDS`` how long
its output is half written.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from lcodec import container
from lcodec.batch import location, workers
from lcodec.batch.location import Location
from lcodec.batch.options import EncodeOptions
from lcodec.batch.work import Bundle, Made, Result, Task, Worker, attempt
from lcodec.batch.workers import EncodeWorker
from lcodec.errors import LcodecError
from lcodec.picture import Picture
from lcodec.pipeline.targets import Target
from lcodec.process.atomic import atomic_write
from lcodec.weights import require_model, stated_id

if TYPE_CHECKING:
    from lcodec.library.codec import Codec

MODEL = "groupedmixer"
OPTIONS = EncodeOptions(model=MODEL, quality=40, device="cpu")


@dataclass(frozen=True)
class FakeEncoded:
    """What workers need of `lcodec.pipeline.encoder.Encoded`, which would import torch."""

    data: bytes
    notes: tuple[str, ...] = ()


class FakeCodec:
    """Encodes the mean of a picture as its latent stream."""

    def __init__(self, model: str) -> None:
        self._model_id = bytes.fromhex(stated_id(require_model(model)) or "")

    def encode_detailed(
        self,
        picture: Picture,
        quality: int | None,
        *,
        target: Target | None = None,
        effort: int = 0,
    ) -> FakeEncoded:
        """A sound file that no decoder likes."""
        time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
        header = container.Header(
            width=picture.width,
            height=picture.height,
            channels=3 if picture.channels == 3 else 1,
            bit_depth=8,
            quality=50 if quality is None else quality,
            tile_edge=1024,
            profile=1,
            entropy_model="gmix",
            model_id=self._model_id,
        )
        latent = int(picture.pixels.mean()).to_bytes(4, "little")
        data = container.write(header, [container.TilePayload(0, b"", latent)])
        white = picture.pixels.min() == 255
        return FakeEncoded(data, ("so white",) if white else ())


class FakeWorker(EncodeWorker):
    """The real worker with `FakeCodec`, and mishaps; says in a note what its process holds."""

    def _loaded(self) -> Codec:
        return cast("Codec", FakeCodec(self.options.model))

    def make(self, task: Task) -> Made:
        if self._mishap(task.source, "fails"):
            raise LcodecError(f"{task.source.name}: no luck")
        if self._mishap(task.source, "lacks"):
            raise MemoryError
        if self._mishap(task.source, "dies"):
            os.kill(os.getpid(), signal.SIGKILL)
        made = super().make(task)
        return replace(made, notes=(*made.notes, f"pid {os.getpid()} {holdings()}"))

    def make_many(self, tasks: Bundle) -> list[Result]:
        return [result for task in tasks for result in attempt(self, (task,))]

    def _mishap(self, source: Location, word: str) -> bool:
        if word not in source.name:
            return False
        assert isinstance(source, Path)
        mark = source.with_suffix(".happened")
        if "once" in source.name and mark.exists():
            return False
        mark.touch()
        return True


@dataclass(frozen=True)
class FakeRecipe:
    """Makes `FakeWorker`s."""

    options: EncodeOptions = OPTIONS

    def open(self) -> Worker:
        vars(location)["atomic_write"] = _slow_write
        return FakeWorker(self.options)


@contextmanager
def _slow_write(path: str | os.PathLike[str], *, overwrite: bool) -> Iterator[BinaryIO]:
    with atomic_write(path, overwrite=overwrite) as stream:
        yield stream
        stream.flush()
        if "fills" in os.fspath(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if "falls" in os.fspath(path):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(float(os.environ.get("FAKE_WRITE_SECONDS", "0")))


def holdings() -> str:
    """Open descriptors and resident KiB of this process, on Linux."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return f"{len(os.listdir('/proc/self/fd'))} {pages * os.sysconf('SC_PAGE_SIZE') // 1024}"


def main() -> None:
    """The command with the codec replaced."""
    from lcodec.cli import main as program

    vars(workers)["CodecRecipe"] = FakeRecipe
    program.main()


if __name__ == "__main__":
    main()
