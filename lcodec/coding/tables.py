"""The frozen frequency tables: the probability of every coded residual.

`tables_v1.npz` is part of the file format and never changes; `tools/make_tables.py` made it and
documents how. A table belongs to a scale level (0..63) and a phase (0..8, the distance of the mean
from the nearest integer, in sixteenths). Its row holds the frequencies of the residuals -R..R and
then that of the escape symbol: integers >= 1 that sum to 2^16.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from lcodec.coding import backend
from lcodec.errors import WeightsError
from lcodec.integer.profile import SCALE_LEVELS, SIGMA_MAX, SIGMA_MIN

PHASES = 9
TOTAL = 1 << 16
FILE_NAME = "tables_v1.npz"
SHA256 = "d65e4add37e2798988ab14e717297e157c188e763fe4b6c53a512947962f403e"


@dataclass(frozen=True)
class Tables:
    """All tables, numbered 0..n-1 and laid end to end.

    table_id: int16 (64, 9), the table for a scale level and a phase.
    radius: int32 (n,), R of each table; residuals beyond it are escaped.
    starts: int32 (n + 1,), where each row begins in `frequencies` and `costs`.
    frequencies: uint16, the rows of 2R + 2 entries one after another.
    costs: float64, the same entries in bits: 16 - log2(frequency).
    """

    table_id: NDArray[np.int16]
    radius: NDArray[np.int32]
    starts: NDArray[np.int32]
    frequencies: NDArray[np.uint16]
    costs: NDArray[np.float64]

    def row(self, table: int) -> NDArray[np.uint16]:
        """Frequencies (2R + 2,) of one table."""
        return self.frequencies[self.starts[table] : self.starts[table + 1]]


def scale_levels() -> NDArray[np.float64]:
    """Standard deviation of each scale level (64,), in quantisation steps.

    For training and export. Coding never needs them: there a scale is an index.
    """
    exponent = np.arange(SCALE_LEVELS, dtype=np.float64) / (SCALE_LEVELS - 1)
    return np.asarray(SIGMA_MIN * (SIGMA_MAX / SIGMA_MIN) ** exponent, np.float64)


def parse(data: bytes) -> Tables:
    """Read a table file after checking its hash; WeightsError if it is not the frozen one."""
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise WeightsError(f"{FILE_NAME} is damaged: its SHA-256 is wrong; install lcodec again")
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        table_id = archive["table_id"].astype(np.int16)
        radius = archive["radius"].astype(np.int32)
        starts = archive["starts"].astype(np.int32)
        frequencies = archive["frequencies"].astype(np.uint16)
    costs = 16 - np.log2(frequencies.astype(np.float64))
    for array in (table_id, radius, starts, frequencies, costs):
        array.flags.writeable = False  # shared by every coder in the process
    return Tables(table_id, radius, starts, frequencies, costs)


@cache
def tables() -> Tables:
    """The frozen tables, read once. Raises WeightsError if the file is missing or damaged."""
    try:
        data = resources.files("lcodec.coding").joinpath(FILE_NAME).read_bytes()
    except OSError as error:
        raise WeightsError(f"{FILE_NAME} cannot be read; install lcodec again") from error
    return parse(data)


@cache
def model(table: int) -> backend.Model:
    """The ready coder model of one table, built at first use."""
    return backend.categorical(tables().row(table))
