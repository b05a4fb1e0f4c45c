"""What docs/FORMAT.md fixes, for modules that load torch and for those that must not.

Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIME_TYPE: Final = "image/x-lic"

PROFILE: Final = 1
"""The arithmetic profile of the parse path; see `lcodec.integer.profile`."""

QUALITY_MAX: Final = 100
QUALITY_LEVELS: Final = QUALITY_MAX + 1  # 0..100

PATCH: Final = 16
"""Pixels per latent position and side."""

HYPER_STRIDE: Final = 4
"""Latent positions per hyper-latent position and side; the grid of a tile is rounded up to it."""


@dataclass(frozen=True)
class ModelKind:
    """A kind of entropy model that files may name.

    Attributes:
        name: as people read it.
        parse_work: multiply-accumulates per latent position that reading takes, an estimate that
            includes the overhead of many small steps; see `lcodec.limits`.
    """

    name: str
    parse_work: int


ENTROPY_MODELS: Final = {
    "gmix": ModelKind("GroupedMixer", 8_200_000),
    "chkb": ModelKind("checkerboard", 2_600_000),
    "serl": ModelKind("serial context model", 64_000_000),
    "ectx": ModelKind("eContextformer", 24_000_000),
    "memp": ModelKind("MEM++", 10_000_000),
    "hypr": ModelKind("hyperprior", 2_100_000),
}
"""All kinds of entropy models by their four-letter code in a file's header."""
