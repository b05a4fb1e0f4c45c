"""Files that the portability tests decode: of the tiny models, and of the released ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.portability.jobs import Coded, Job, Report, Setting, Source, run_worker
from tests.tinymodel import picture
from tools.conformance_corpus import CORPUS, extremes

TILE_EDGE = 64


@dataclass(frozen=True)
class Samples:
    """Pictures, the files made of them under the default setting, and their symbols' hashes."""

    sources: tuple[Source, ...]
    files: tuple[Coded, ...]
    hashes: dict[str, str]
    default: Report

    def sources_under(self, folder: Path) -> tuple[Source, ...]:
        """The same pictures, to be encoded into ``folder``."""
        return tuple(replace(s, stem=str(folder / Path(s.stem).name)) for s in self.sources)


def noise(h: int, w: int) -> NDArray[np.uint8]:
    """Uniform noise: large latents, many escapes."""
    return np.random.default_rng(4).integers(0, 256, (h, w, 3), np.uint8)


def photograph(h: int, w: int) -> NDArray[np.uint8]:
    """A face and its background, out of a real photograph."""
    from skimage import data

    pixels: NDArray[np.uint8] = data.astronaut()[64 : 64 + h, 160 : 160 + w]  # type: ignore[no-untyped-call]
    return pixels


# Name, pixels, quality. Several tiles each, not all of one size.
Pictures = list[tuple[str, NDArray[np.uint8], int]]


def few_pictures() -> Pictures:
    """For the tiny default model in the normal suite, for the others in the full matrix."""
    return [("colour", picture(60, 128), 70), ("noise", noise(20, 24), 100)]


def one_picture() -> Pictures:
    """For the other tiny models in the normal suite."""
    return few_pictures()[:1]


def more_pictures() -> Pictures:
    """For the tiny default model in the full matrix."""
    return [
        *few_pictures(),
        ("large", picture(80, 130), 85),
        ("gray", picture(50, 70, seed=3)[:, :, 0], 25),
        ("pixel", picture(1, 1), 50),
        ("coarse", picture(50, 70, seed=5), 0),
    ]


def few_photographs() -> Pictures:
    """For the released default model in the normal suite."""
    return [("photograph", photograph(32, 128), 45)]


def more_photographs() -> Pictures:
    """For all released models in the full matrix."""
    return [
        ("photograph fine", photograph(64, 96), 90),
        ("photograph coarse", photograph(40, 64), 15),
        ("photograph noise", noise(20, 24), 100),
    ]


def extreme_files() -> tuple[Coded, ...]:
    """Files of every kind of model whose symbols are at their limits; all have the same."""
    return tuple(
        Coded(str(CORPUS / "models"), kind, str(CORPUS / "valid" / f"{name}.lic"))
        for name, kind in extremes().items()
    )


def make_samples(folder: Path, sets: list[tuple[Path, str, Pictures]]) -> Samples:
    """Encode and decode everything once under the default setting, extreme files, too.

    ``sets``: folder of models, name of one, pictures for it.
    """
    sources = []
    for number, (models, model, pictures) in enumerate(sets):
        for name, pixels, quality in pictures:
            stem = folder / f"{number}_{model}_{name.replace(' ', '_')}"
            np.save(f"{stem}.npy", pixels)
            source = Source(str(models), model, f"{stem}.npy", quality, TILE_EDGE, str(stem))
            sources.append(source)
    given = extreme_files()
    job = Job(threads=1, encode=tuple(sources), decode=given, decode_written=True)
    report = run_worker(job, Setting())
    hashes = {path: next(iter(ways.values())) for path, ways in report.symbols.items()}
    return Samples(tuple(sources), (*report.written, *given), hashes, report)
