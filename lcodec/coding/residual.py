"""From symbols to table entries and back: what the range coder codes for each symbol.

For a symbol s with mean m (sixteenths of a step) and scale index i:

    base = (m + 8) >> 4,  f = m - 16 base in -8..7,  sign = -1 if f < 0 else 1,  phase = |f|,
    residual r = sign (s - base), coded with the table of (i, phase).

A logistic distribution is symmetric, so the sign folds the phases -8..7 into 0..8. Residuals
beyond the table's radius R are coded as the escape symbol 2R + 1, others as r + R.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcodec.coding.tables import tables
from lcodec.integer.profile import MEAN_LIMIT, SCALE_LEVELS, SYMBOL_LIMIT

IntArray = NDArray[np.integer[Any]]


def as_int32(name: str, values: IntArray, low: int, high: int) -> NDArray[np.int32]:
    """`values` as a flat, contiguous int32 array in C order whatever its memory layout.

    Raises TypeError if it holds no integers, ValueError if any lies outside low..high.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, not {array.dtype}")
    if array.size and (array.min() < low or array.max() > high):
        raise ValueError(f"{name} must lie in {low}..{high}")
    return np.ascontiguousarray(array.ravel(order="C"), np.int32)


@dataclass(frozen=True)
class GroupPlan:
    """How the symbols of one group are coded; all arrays have shape (n,).

    base, sign: int32, see the module docstring.
    table: int16, the table of each symbol.
    order: positions sorted by table, earlier positions first within a table.
    """

    base: NDArray[np.int32]
    sign: NDArray[np.int32]
    table: NDArray[np.int16]
    order: NDArray[np.intp]

    @cached_property
    def radius(self) -> NDArray[np.int32]:
        """R for each symbol (n,)."""
        return tables().radius[self.table]

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """(table, start, stop) for every table in use; the slices are of `order`."""
        sorted_tables = self.table[self.order]
        edges = np.flatnonzero(np.diff(sorted_tables, prepend=-1, append=-1)).tolist()
        for start, stop in pairwise(edges):
            yield int(sorted_tables[start]), start, stop


def plan_group(mean: IntArray, index: IntArray) -> GroupPlan:
    """Plan a group from its means (sixteenths) and scale indices, of one shape.

    Means are clamped to +-16 * 32767: no symbol lies further out, and it bounds residuals.
    Raises TypeError or ValueError for anything but integers, an index outside 0..63 or shapes
    that differ.
    """
    if np.shape(mean) != np.shape(index):
        raise ValueError(f"mean {np.shape(mean)} and index {np.shape(index)} differ in shape")
    limits = np.iinfo(np.int32)
    flat = as_int32("mean", mean, limits.min, limits.max).clip(-MEAN_LIMIT, MEAN_LIMIT)
    level = as_int32("index", index, 0, SCALE_LEVELS - 1)
    base = (flat + 8) >> 4
    offset = flat - (base << 4)
    sign = np.where(offset < 0, np.int32(-1), np.int32(1))
    table = tables().table_id[level, np.abs(offset)]
    return GroupPlan(base, sign, table, np.argsort(table, kind="stable"))


@dataclass(frozen=True)
class GroupCodes:
    """The symbols of one group as table entries, in the group's own order.

    codes: int32 (n,), entry within the table's row.
    escaped: positions of escaped symbols, ordered as they are coded.
    values: int32, what is coded for each of them, >= 0.
    """

    codes: NDArray[np.int32]
    escaped: NDArray[np.intp]
    values: NDArray[np.int32]


def encode_group(plan: GroupPlan, symbols: IntArray) -> GroupCodes:
    """Table entries and escape values of the symbols (n,).

    Raises TypeError or ValueError for symbols that are not integers, beyond +-32767, or not as
    many as in the plan.
    """
    flat = as_int32("symbols", symbols, -SYMBOL_LIMIT, SYMBOL_LIMIT)
    if flat.shape != plan.base.shape:
        raise ValueError(f"{flat.size} symbols given for {plan.base.size} means")
    radius = plan.radius
    residual = plan.sign * (flat - plan.base)
    outside = np.abs(residual) > radius
    codes = np.where(outside, 2 * radius + 1, residual + radius)
    escaped = plan.order[outside[plan.order]]
    beyond = residual[escaped]
    excess = np.abs(beyond) - radius[escaped] - 1
    return GroupCodes(codes, escaped, 2 * excess + (beyond < 0))


def escaped_positions(plan: GroupPlan, codes: NDArray[np.int32]) -> NDArray[np.intp]:
    """Positions whose code is the escape symbol, ordered as they are coded."""
    outside = codes > 2 * plan.radius
    return plan.order[outside[plan.order]]


def decode_group(plan: GroupPlan, group: GroupCodes) -> NDArray[np.int32]:
    """Symbols (n,) from table entries: the inverse of `encode_group`; the range is not checked."""
    radius = plan.radius
    residual = group.codes - radius
    excess = (group.values >> 1) + radius[group.escaped] + 1
    residual[group.escaped] = np.where(group.values & 1, -excess, excess)
    return plan.base + plan.sign * residual
