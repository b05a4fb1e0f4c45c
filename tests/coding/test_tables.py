"""The frozen frequency tables and the tool that makes them."""

from __future__ import annotations

import hashlib
import importlib.util
from decimal import Context, Decimal, localcontext
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lcodec.coding import SCALE_LEVELS, backend, scale_levels
from lcodec.coding import tables as module
from lcodec.coding.tables import PHASES, SHA256, TOTAL, parse, tables
from lcodec.errors import WeightsError

from .samples import STEADY

TOOL = Path(__file__).resolve().parents[2] / "tools" / "make_tables.py"
# Of the arrays themselves, so that no change of the file's packing can hide a change of the tables.
FREQUENCIES_SHA256 = "41ffae88e8fd23c6aa742f59eb6c286e8a23b6dfe943c4f2b70c74a6ccfd5b7a"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_tables", TOOL)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def frozen_bytes() -> bytes:
    return resources.files("lcodec.coding").joinpath(module.FILE_NAME).read_bytes()


def logistic(x: NDArray[Any], sigma: float) -> NDArray[np.float64]:
    """The logistic CDF by another formula than the tool's."""
    return np.asarray(0.5 + 0.5 * np.tanh(x * np.pi / np.sqrt(3) / sigma / 2), np.float64)


def exact_shares(table: int, level: int, phase: int) -> NDArray[np.float64]:
    """Probabilities of -R..R and the escape symbol in float64."""
    radius = int(tables().radius[table])
    edges = np.arange(-radius, radius + 2) - 0.5 - phase / 16
    inside = np.diff(logistic(edges, float(scale_levels()[level])))
    return np.append(inside, 1 - inside.sum())


def all_tables() -> list[tuple[int, int, int]]:
    """(table, level, phase) once for each table."""
    seen: dict[int, tuple[int, int, int]] = {}
    for level in range(SCALE_LEVELS):
        for phase in range(PHASES):
            table = int(tables().table_id[level, phase])
            seen.setdefault(table, (table, level, phase))
    return list(seen.values())


def test_file_is_the_frozen_one() -> None:
    assert hashlib.sha256(frozen_bytes()).hexdigest() == SHA256
    rows = tables().frequencies.astype("<u2").tobytes()
    assert hashlib.sha256(rows).hexdigest() == FREQUENCIES_SHA256


def test_every_row_sums_to_the_total_and_has_no_zero() -> None:
    frozen = tables()
    assert len(all_tables()) == len(frozen.radius) == len(frozen.starts) - 1
    assert frozen.starts[0] == 0
    assert frozen.starts[-1] == frozen.frequencies.size
    for table in range(len(frozen.radius)):
        row = frozen.row(table).astype(np.int64)
        assert row.size == 2 * frozen.radius[table] + 2
        assert row.sum() == TOTAL
        assert row.min() >= 1


def test_rows_match_the_probabilities() -> None:
    for table, level, phase in all_tables():
        row = tables().row(table).astype(np.float64)
        shares = exact_shares(table, level, phase)
        # Entries lifted to 1 take at most one unit each from the others, in proportion.
        lifted = (shares * TOTAL < 1).sum()
        assert np.all(np.abs(row - shares * TOTAL) <= 1 + lifted * shares + 1e-6)
        loss = (shares[shares > 0] * np.log2(shares[shares > 0] * TOTAL / row[shares > 0])).sum()
        assert 0 <= loss + 1e-12 < 1e-3


def test_levels_from_six_on_share_one_table() -> None:
    distinct = np.array([len(set(ids.tolist())) for ids in tables().table_id])
    np.testing.assert_array_equal(distinct, np.where(scale_levels() >= 6, 1, PHASES))


def test_radius_is_the_smallest_that_leaves_out_less_than_a_thousandth() -> None:
    for level, sigma in enumerate(scale_levels().tolist()):
        ids = tables().table_id[level]
        radius = int(tables().radius[ids[0]])
        assert np.all(tables().radius[ids] == radius)
        assert 1 <= radius <= 700
        offset = 0.5 if sigma < 6 else 0.0
        reach = np.array([radius, radius - 1])
        outside = 1 - logistic(reach + 0.5 - offset, sigma) + logistic(-reach - 0.5 - offset, sigma)
        assert outside[0] < 2**-10
        assert radius == 1 or outside[1] >= 2**-10


def test_scale_levels_are_log_spaced() -> None:
    levels = scale_levels()
    assert levels.shape == (64,)
    assert levels[0] == pytest.approx(0.08)
    assert levels[63] == pytest.approx(160)
    np.testing.assert_allclose(np.diff(np.log(levels)), np.log(2000) / 63)


def test_coder_uses_exactly_these_frequencies() -> None:
    """The interval of each entry is [cumulative, cumulative + frequency) * 256 of 2^24."""
    unit = ((1 << 64) - 1) >> 24
    for table in range(len(tables().radius)):
        row = tables().row(table).tolist()
        left = 0
        for entry, frequency in enumerate(row):
            encoder = backend.WordEncoder()
            encoder.value(entry, module.model(table))
            position, (lower, width) = encoder._coder.pos()
            # A width below 2^32 would have moved a word out; one entry cannot be that narrow.
            assert (position, lower, width) == (0, unit * left * 256, unit * frequency * 256)
            left += frequency


def test_tool_makes_the_same_file(tool: ModuleType) -> None:
    assert tool.pack(tool.build()) == frozen_bytes()


def test_tool_does_not_depend_on_the_caller_s_decimal_context(tool: ModuleType) -> None:
    with localcontext(Context(prec=5)):
        assert tool.row(20, 3) == tables().row(int(tables().table_id[20, 3])).tolist()


def test_tool_checks_a_file(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"row": np.array(tool.row(10, 0), "<u2")}
    monkeypatch.setattr(tool, "build", lambda: small)
    path = tmp_path / "t.npz"
    monkeypatch.setattr("sys.argv", ["make_tables.py", str(path)])
    assert tool.main() == 0
    monkeypatch.setattr("sys.argv", ["make_tables.py", "--check", str(path)])
    assert tool.main() == 0
    path.write_bytes(path.read_bytes()[:-1])
    assert tool.main() == 1


def test_apportion(tool: ModuleType) -> None:
    @settings(STEADY)
    @given(st.lists(st.integers(1, 10**9), min_size=1, max_size=50), st.integers(50, 5000))
    def check(weights: list[int], total: int) -> None:
        counts = tool.apportion([Decimal(weight) for weight in weights], total)
        assert sum(counts) == total
        assert min(counts) >= 1
        for a, m in zip(weights, counts, strict=True):
            for b, n in zip(weights, counts, strict=True):
                assert a <= b or m >= n

    check()


def test_damaged_file_is_refused() -> None:
    damaged = bytearray(frozen_bytes())
    damaged[len(damaged) // 2] ^= 1
    with pytest.raises(WeightsError, match="damaged"):
        parse(bytes(damaged))


def test_missing_file_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILE_NAME", "absent.npz")
    with pytest.raises(WeightsError, match=r"absent\.npz cannot be read"):
        tables.__wrapped__()


def test_tables_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tables().frequencies[0] = 1
