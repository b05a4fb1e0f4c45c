"""The benchmark report as tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from lcodec.bench.bdrate import shown_range
from lcodec.bench.curves import Metric
from lcodec.bench.screentable import FOLDED, Column, print_table
from lcodec.bench.summary import (
    OTHER,
    PEER_METRICS,
    STAGES,
    START_UP,
    BdRow,
    PeerRow,
    StageRow,
    Summary,
)
from lcodec.plurals import counted

PEERS_FOLDED = 10
"""Width to which names of codecs may be folded beside the figures of all measures."""
ELSEWHERE = "a wider terminal, a pipe, and the files of --json and --html"

MEANS = (
    Column("quality"),
    Column("bpp"),
    Column("PSNR\ndB"),
    Column("MS-SSIM", 1),
    Column("SSIM.2"),
    Column("est.\nbpp", 5),
    Column("real/\nest. %", 4),
    Column("encode\ns", 3),
    Column("decode\ns", 2),
)

_HEADINGS: dict[Metric, str] = {"ssimulacra2": "SSIM.2", "psnr": "PSNR", "ms_ssim": "MS-SSIM"}
_TIMES = (("s", 0), ("%", 1), ("% with\nstart-up", 2))


def print_report(summary: Summary, console: Console) -> None:
    """Print the summary as tables, with as many columns as fit on the screen."""
    _print_means(summary, console)
    if summary.bd_rates:
        _print_bd_rates(summary.bd_rates, console)
    if summary.peers:
        _print_peers(summary.peers, console)
    _print_stages(summary, console)
    for note in summary.notes:
        console.print(f"note: {escape(note)}", highlight=False)


def _print_means(summary: Summary, console: Console) -> None:
    rows = [
        (
            str(mean.quality),
            f"{mean.bpp:.4f}",
            f"{mean.psnr:.3f}",
            "-" if mean.ms_ssim is None else f"{mean.ms_ssim:.5f}",
            "-" if mean.ssimulacra2 is None else f"{mean.ssimulacra2:.2f}",
            f"{mean.estimated_bpp:.4f}",
            "-" if math.isnan(mean.rate_difference) else f"{mean.rate_difference:+.2f}",
            f"{mean.encode_seconds:.3f}",
            f"{mean.decode_seconds:.3f}",
        )
        for mean in summary.means
    ]
    title = f"{summary.name}: {counted(summary.pictures)}, {summary.megapixels:.2f} MP"
    print_table(title, MEANS, rows, console, ELSEWHERE)


def _print_bd_rates(rows: Sequence[BdRow], console: Console) -> None:
    title = "BD-rate (rate at equal PSNR; below 0 is better)"
    columns = (
        Column("against", left=True, folds=FOLDED),
        Column("BD-rate %"),
        Column("PSNR range dB", left=True, folds=13),
    )
    cells = [
        (row.title, "-", row.reason)
        if row.percent is None or row.low is None or row.high is None
        else (row.title, f"{row.percent:+.1f}", shown_range("psnr", row.low, row.high, "-"))
        for row in rows
    ]
    print_table(title, columns, cells, console)


def _print_peers(rows: Sequence[PeerRow], console: Console) -> None:
    title = "BD-rate % on the same pictures (rate at equal quality; below 0 is better)"
    columns = [Column("against", left=True, folds=PEERS_FOLDED)]
    for rank, metric in enumerate(PEER_METRICS, 1):
        columns += [Column(_HEADINGS[metric]), Column(f"{_HEADINGS[metric]}\nrange", rank)]
    cells = [
        (row.title, *(cell for metric in PEER_METRICS for cell in _rate_cells(row, metric)))
        for row in rows
    ]
    print_table(title, columns, cells, console, ELSEWHERE)


def _rate_cells(row: PeerRow, metric: Metric) -> tuple[str, str]:
    """The BD-rate, and the range it is over."""
    rate = row.rates.get(metric)
    if rate is None:
        return "-", "-"
    return f"{rate.percent:+.1f}", shown_range(metric, rate.low, rate.high)


def _print_stages(summary: Summary, console: Console) -> None:
    columns = [Column("stage", left=True)]
    for direction in ("encode", "decode"):
        columns += [Column(f"{direction}\n{unit}", rank) for unit, rank in _TIMES]
    encode = {row.stage: row for row in summary.encode_stages}
    decode = {row.stage: row for row in summary.decode_stages}
    order = dict.fromkeys((START_UP, *STAGES, *encode, *decode))
    rows = [
        (stage, *_stage_cells(encode.get(stage)), *_stage_cells(decode.get(stage)))
        for stage in sorted(order, key=lambda name: name == OTHER)
        if stage in encode or stage in decode
    ]
    print_table("Time per picture", columns, rows, console, ELSEWHERE)


def _stage_cells(row: StageRow | None) -> tuple[str, str, str]:
    if row is None:
        return "-", "-", "-"
    return f"{row.seconds:.4f}", _share(row.share), _share(row.share_once)


def _share(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:.1f}"
