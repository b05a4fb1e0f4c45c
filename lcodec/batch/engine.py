"""Working through a batch with one encoder; what fails, fails alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lcodec import container
from lcodec.batch.plan import Job
from lcodec.batch.report import Outcome, Report, Status, failure
from lcodec.errors import LcodecError, OutputError
from lcodec.imageio import Picture, atomic_write, load


class PictureEncoder(Protocol):
    """What encodes: `lcodec.codec.Codec` is one."""

    def encode(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """A ``.lic`` file of uint8 pixels (H, W) or (H, W, 3) at a quality of 0..100."""


def run(
    jobs: Iterable[Job],
    make_encoder: Callable[[], PictureEncoder],
    *,
    quality: int,
    overwrite: bool = False,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> Report:
    """Encode all jobs, one after the other.

    ``make_encoder`` is called when the first picture has been read; what it raises ends the
    batch, as it would befall every picture. Any other failure concerns one picture and is an
    outcome. An output that is there already is skipped if it is a sound ``.lic`` file, and a
    failure if not, unless ``overwrite`` is true. Outputs appear whole or not at all, and folders
    are made as needed. ``on_outcome`` is called after each picture.
    """
    outcomes: list[Outcome] = []
    encoder: PictureEncoder | None = None
    for job in jobs:
        start = time.perf_counter()
        found = (None if overwrite else _existing(job)) or _load(job, start)
        if isinstance(found, Picture):
            encoder = encoder or make_encoder()
            found = _encode(job, found, encoder, quality, overwrite, start)
        outcomes.append(found)
        on_outcome(found)
    return Report(tuple(outcomes))


def _existing(job: Job) -> Outcome | None:
    """The outcome if the output is there already, else None."""
    try:
        if not job.output.exists():
            return None
        container.describe(job.output.read_bytes(), max_pixels=container.MAX_SIDE**2)
    except (LcodecError, OSError) as error:
        reason = OutputError(f"{job.output}: exists and is not a sound .lic file: {error}")
        return failure(job.source, job.output, reason)
    return Outcome(job.source, job.output, Status.SKIPPED)


def _load(job: Job, start: float) -> Picture | Outcome:
    try:
        return load(job.source)
    except Exception as error:  # a picture must not take the rest of the batch with it
        return failure(job.source, job.output, error, time.perf_counter() - start)


def _encode(
    job: Job,
    picture: Picture,
    encoder: PictureEncoder,
    quality: int,
    overwrite: bool,
    start: float,
) -> Outcome:
    try:
        data = encoder.encode(picture.pixels, quality)
        _make_folder(job.output.parent)
        with atomic_write(job.output, overwrite=overwrite) as stream:
            stream.write(data)
    except Exception as error:  # as above
        return failure(job.source, job.output, error, time.perf_counter() - start)
    return Outcome(
        job.source,
        job.output,
        Status.DONE,
        width=picture.width,
        height=picture.height,
        bytes=len(data),
        seconds=time.perf_counter() - start,
        notes=picture.notes,
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror or error}") from error
