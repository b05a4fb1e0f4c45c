"""The benchmark report as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lcodec.bench.summary import OTHER, STAGES, START_UP, BdRow, PeerRow, StageRow, Summary


def print_report(summary: Summary, console: Console) -> None:
    """Print the summary as tables."""
    console.print(_means_table(summary))
    if summary.bd_rates:
        console.print(_bd_table(summary.bd_rates))
    if summary.peers:
        console.print(_peer_table(summary.peers))
    console.print(_stages_table(summary))
    for note in summary.notes:
        console.print(f"note: {escape(note)}", highlight=False)


def _means_table(summary: Summary) -> Table:
    title = f"{escape(summary.name)}: {summary.pictures} pictures, {summary.megapixels:.2f} MP"
    table = Table(title=title, title_justify="left")
    for heading in ("quality", "bpp", "PSNR dB", "MS-SSIM", "SSIM.2", "est. bpp", "real/est. %"):
        table.add_column(heading, justify="right")
    table.add_column("encode s", justify="right")
    table.add_column("decode s", justify="right")
    for mean in summary.means:
        table.add_row(
            str(mean.quality),
            f"{mean.bpp:.4f}",
            f"{mean.psnr:.3f}",
            "-" if mean.ms_ssim is None else f"{mean.ms_ssim:.5f}",
            "-" if mean.ssimulacra2 is None else f"{mean.ssimulacra2:.2f}",
            f"{mean.estimated_bpp:.4f}",
            f"{mean.rate_difference:+.2f}",
            f"{mean.encode_seconds:.3f}",
            f"{mean.decode_seconds:.3f}",
        )
    return table


def _bd_table(rows: Sequence[BdRow]) -> Table:
    table = Table(title="BD-rate (rate at equal PSNR; below 0 is better)", title_justify="left")
    table.add_column("against")
    table.add_column("BD-rate %", justify="right")
    table.add_column("PSNR range dB")
    for row in rows:
        if row.percent is None or row.low is None or row.high is None:
            table.add_row(escape(row.title), "-", escape(row.reason))
        else:
            table.add_row(escape(row.title), f"{row.percent:+.1f}", f"{row.low:.1f}-{row.high:.1f}")
    return table


def _peer_table(rows: Sequence[PeerRow]) -> Table:
    title = "BD-rate % on the same pictures (rate at equal quality; below 0 is better)"
    table = Table(title=title, title_justify="left")
    table.add_column("against")
    for heading in ("SSIMULACRA2", "PSNR", "MS-SSIM"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(escape(row.title), *map(_signed, (row.ssimulacra2, row.psnr, row.ms_ssim)))
    return table


def _signed(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:+.1f}"


def _stages_table(summary: Summary) -> Table:
    table = Table(title="Time per picture", title_justify="left")
    table.add_column("stage")
    for direction in ("encode", "decode"):
        table.add_column(f"{direction} s", justify="right")
        table.add_column("%", justify="right")
        table.add_column("% with start-up", justify="right")
    encode = {row.stage: row for row in summary.encode_stages}
    decode = {row.stage: row for row in summary.decode_stages}
    order = dict.fromkeys((START_UP, *STAGES, *encode, *decode))
    for stage in sorted(order, key=lambda name: name == OTHER):
        if stage in encode or stage in decode:
            table.add_row(stage, *_stage_cells(encode.get(stage)), *_stage_cells(decode.get(stage)))
    return table


def _stage_cells(row: StageRow | None) -> tuple[str, str, str]:
    if row is None:
        return "-", "-", "-"
    return f"{row.seconds:.4f}", _share(row.share), _share(row.share_once)


def _share(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:.1f}"
