"""``lcodec bench``: rate, distortion and time over a folder of pictures."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lcodec.cli import console, paths
from lcodec.cli.options import (
    DEFAULT_MODEL,
    Device,
    DeviceOption,
    ForceOption,
    ModelOption,
    QuietOption,
)
from lcodec.errors import InputError, UsageError
from lcodec.weights import require_model

if TYPE_CHECKING:
    from rich.console import Console

    from lcodec.bench import BenchCodec, BenchResult, PictureResult, Summary

REPORT_WIDTH = 110
PLOTTED = ("vtm", "bpg", "webp", "jpeg420")
"""Published curves drawn beside the measured one."""


def bench(
    folder: Annotated[Path, typer.Option("--set", metavar="DIR", help="Folder of pictures.")],
    levels: Annotated[
        str | None,
        typer.Option(
            "-q",
            "--quality",
            metavar="LIST",
            help="Quality levels, such as 20,50,80; eight from 0 to 100 if not given.",
        ),
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    device: DeviceOption = Device.AUTO,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="First N pictures only.")
    ] = None,
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write all figures as JSON; `-` for stdout."),
    ] = None,
    plot: Annotated[
        str | None,
        typer.Option("--plot", metavar="FILE", help="Draw the curve (.png, .svg, .pdf)."),
    ] = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure rate, distortion and time.

    All pictures of a folder are encoded and decoded at several qualities. Real files are
    written and read back. The report has rate, PSNR, MS-SSIM, times, and on the Kodak pictures
    the BD-rate against published codecs. Needs `pip install 'lcodec[bench]'`.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    qualities = None if levels is None else parse_levels(levels)
    if json_file not in (None, paths.STANDARD):
        paths.check_output(json_file, force=force)
    if plot is not None:
        check_plot(plot, force)
    require_model(model)

    from lcodec import bench as benchmark
    from lcodec.bench.extras import require

    require("scipy.interpolate", "the BD-rate of a benchmark")
    if plot is not None:
        require("matplotlib.figure", "a plot")
    pictures = benchmark.find_pictures(folder)[:limit]

    def make_codec() -> BenchCodec:
        from lcodec.codec import Codec

        return Codec(model=model, device=device.value)

    codec, startup = benchmark.timed_startup(make_codec)
    with console.progress_bar("{task.fields[note]}", shown=not quiet) as progress:
        task = progress.add_task("", total=None, note="") if progress else None

        def on_result(done: int, total: int, result: PictureResult) -> None:
            if progress and task is not None:
                note = f"{result.picture} q{result.quality} {result.bpp:.3f} bpp"
                progress.update(task, completed=done, total=total, note=note)

        result = benchmark.run(
            codec,
            pictures,
            qualities or benchmark.DEFAULT_QUALITIES,
            name=f"lcodec {model}",
            startup_seconds=startup,
            progress=on_result,
        )
    _report(result, benchmark.summarize(result), json_file, plot, force)


def parse_levels(text: str) -> tuple[int, ...]:
    """Quality levels of a list such as "20,50,80".

    Raises:
        UsageError: not whole numbers with commas, outside 0..100, or one twice.
    """
    try:
        levels = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--quality {text}: whole numbers with commas are needed") from None
    if any(not 0 <= level <= 100 for level in levels) or len(set(levels)) != len(levels):
        raise UsageError(f"--quality {text}: levels from 0 to 100 are needed, each only once")
    return levels


def check_plot(plot: str, force: bool) -> None:
    """Refuse a plot of another suffix, or one that cannot be written."""
    suffixes = (".pdf", ".png", ".svg")
    if Path(plot).suffix.lower() not in suffixes:
        raise UsageError(f"{plot}: a plot is one of {' '.join(suffixes)}")
    paths.check_output(plot, force=force)


def _report(
    result: BenchResult, summary: Summary, json_file: str | None, plot: str | None, force: bool
) -> None:
    from lcodec.bench import plot_rd, print_report, published_curve, report_to_json

    if json_file == paths.STANDARD:
        console.emit(report_to_json(result, summary).rstrip("\n"))
    else:
        shown = rendered(lambda screen: print_report(summary, screen))
        console.emit(shown.rstrip("\n"))
    if json_file not in (None, paths.STANDARD):
        paths.write_output(json_file, report_to_json(result, summary).encode("utf-8"), force=force)
    if plot is not None:
        curves = [result.curve(), *(published_curve(name) for name in PLOTTED)]
        title = f"Mean of {summary.pictures} pictures"
        plot_rd(curves, plot, title=title, overwrite=force)


def rendered(draw: Callable[[Console], None]) -> str:
    """What ``draw`` prints as text, coloured if standard output is a terminal that wants it."""
    from rich.console import Console

    text = io.StringIO()
    terminal = sys.stdout.isatty()
    width = os.get_terminal_size(sys.stdout.fileno()).columns if terminal else REPORT_WIDTH
    draw(Console(file=text, force_terminal=terminal, width=width))
    return text.getvalue()
