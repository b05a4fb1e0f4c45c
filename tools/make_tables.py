"""Make the frozen frequency tables of the range coder, `lcodec/coding/tables_v1.npz`.

The tables are part of the file format: every decoder must use these very integers. They are
therefore generated once, with 60-digit decimal arithmetic (no libm, no floating point), and kept
as data. Running this again must give the same file, byte for byte; `--check` says whether it does.

A residual r is modelled by a logistic distribution with standard deviation sigma_i, centred at
phase/16 (0 <= phase <= 8), integrated over the unit interval around r:

    P(r) = F(r + 1/2 - phase/16) - F(r - 1/2 - phase/16),   F(x) = 1 / (1 + exp(-x / s_i)),
    sigma_i = s_i * pi / sqrt(3) = 0.08 * (160 / 0.08)^(i / 63),   i = 0 .. 63.

From sigma_i >= 6 on the phase hardly matters and all phases share the table of phase 0.
A row holds the frequencies of r = -R_i .. R_i and last the frequency of the escape symbol, which
stands for everything outside. They are integers >= 1 that sum to 2^16.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import zipfile
from decimal import ROUND_FLOOR, Context, Decimal, localcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALE_LEVELS = 64
PHASES = 9
TOTAL = 1 << 16
SIGMA_MIN = Decimal("0.08")
SIGMA_MAX = Decimal(160)
SHARED_PHASE_SIGMA = Decimal(6)
TAIL = Decimal(1) / 1024
RADIUS_MAX = 700
DIGITS = 60
PI = Decimal("3.141592653589793238462643383279502884197169399375105820974944592307816406286")
OUTPUT = Path(__file__).resolve().parent.parent / "lcodec" / "coding" / "tables_v1.npz"


def sigma(level: int) -> Decimal:
    """Standard deviation of a scale level, in quantisation steps."""
    return SIGMA_MIN * ((SIGMA_MAX / SIGMA_MIN).ln() * level / (SCALE_LEVELS - 1)).exp()


def phases(level: int) -> range:
    """The phases that have a table of their own at this level."""
    return range(1 if sigma(level) >= SHARED_PHASE_SIGMA else PHASES)


def logistic_cdf(x: Decimal, scale: Decimal) -> Decimal:
    """F(x) of a zero-mean logistic distribution."""
    return 1 / (1 + (-x / scale).exp())


def edge_cdf(level: int, phase: int, residual: int) -> Decimal:
    """F at the lower edge of the unit interval around `residual`."""
    scale = sigma(level) * Decimal(3).sqrt() / PI
    return logistic_cdf(residual - Decimal(phase) / 16 - Decimal("0.5"), scale)


def radius(level: int) -> int:
    """R_i: the smallest R >= 1 whose outside mass is below 2^-10 in the worst phase."""
    worst = phases(level)[-1]  # the further off centre, the more lies beyond the nearer end
    for candidate in range(1, RADIUS_MAX):
        inside = edge_cdf(level, worst, candidate + 1) - edge_cdf(level, worst, -candidate)
        if 1 - inside < TAIL:
            return candidate
    return RADIUS_MAX


def probabilities(level: int, phase: int) -> list[Decimal]:
    """P(-R) .. P(R), then the probability of the escape symbol; they sum to 1."""
    reach = radius(level)
    edges = [edge_cdf(level, phase, r) for r in range(-reach, reach + 2)]
    inside = [high - low for low, high in pairwise(edges)]
    return [*inside, 1 - sum(inside, Decimal(0))]


def apportion(shares: list[Decimal], total: int = TOTAL) -> list[int]:
    """Integers >= 1 summing to `total`, in proportion to `shares`.

    Shares worth less than 1 are fixed at 1, repeatedly, and the rest is divided by largest
    remainders among the others, the earlier entry first where remainders are equal.
    """
    free = set(range(len(shares)))
    while True:
        unit = (total - (len(shares) - len(free))) / sum(
            (shares[k] for k in sorted(free)), Decimal(0)
        )
        small = {k for k in free if shares[k] * unit < 1}
        if not small:
            break
        free -= small
    quota = {k: shares[k] * unit for k in sorted(free)}
    counts = [1] * len(shares)
    for k, value in quota.items():
        counts[k] = int(value.to_integral_value(rounding=ROUND_FLOOR))
    by_remainder = sorted(quota, key=lambda k: (counts[k] - quota[k], k))
    for k in by_remainder[: total - sum(counts)]:
        counts[k] += 1
    return counts


def row(level: int, phase: int) -> list[int]:
    """One table: frequencies of -R .. R and of the escape symbol."""
    with localcontext(Context(prec=DIGITS)):
        return apportion(probabilities(level, phase))


def build() -> dict[str, NDArray[Any]]:
    """All tables.

    table_id (64, 9): number of the table for a level and a phase.
    radius (tables,): R of each table.
    starts (tables + 1,): where each table begins in `frequencies`.
    frequencies (sum of 2R + 2,): the rows one after another.
    """
    rows: list[list[int]] = []
    table_id = np.zeros((SCALE_LEVELS, PHASES), "<i2")
    for level in range(SCALE_LEVELS):
        with localcontext(Context(prec=DIGITS)):
            own = phases(level)
        for phase in own:
            table_id[level, phase:] = len(rows)
            rows.append(row(level, phase))
    lengths = [len(entry) for entry in rows]
    return {
        "table_id": table_id,
        "radius": np.array([(length - 2) // 2 for length in lengths], "<i4"),
        "starts": np.cumsum([0, *lengths]).astype("<i4"),
        "frequencies": np.concatenate([np.array(entry, "<u2") for entry in rows]),
    }


def pack(arrays: dict[str, NDArray[Any]]) -> bytes:
    """An .npz whose bytes depend on the arrays alone.

    numpy.savez leaves the platform's mark in the zip headers, so they are written out here.
    """
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            archive.writestr(entry, member.getvalue())
    return target.getvalue()


def main() -> int:
    """Command line: write the tables, or compare them with the file that is there."""
    parser = argparse.ArgumentParser(description="make the range coder's frequency tables")
    parser.add_argument("output", nargs="?", type=Path, default=OUTPUT)
    parser.add_argument("--check", action="store_true", help="compare with the file, write nothing")
    options = parser.parse_args()
    data = pack(build())
    print(f"{hashlib.sha256(data).hexdigest()}  {options.output}")
    if options.check:
        if not options.output.is_file() or options.output.read_bytes() != data:
            print("the file differs", file=sys.stderr)
            return 1
        return 0
    options.output.write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
