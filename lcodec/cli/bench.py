"""``lcodec bench``: rate, distortion and time over a folder of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lcodec.cli import console, paths
from lcodec.cli.compare import check_page
from lcodec.cli.options import (
    EffortOption,
    ForceOption,
    ModelOption,
    Networks,
    QuietOption,
    TuneOption,
)
from lcodec.cli.skeleton import spread
from lcodec.cli.tables import rendered
from lcodec.cli.waiting import waiting
from lcodec.errors import UsageError
from lcodec.plurals import counted
from lcodec.tunes import TuneName
from lcodec.weights import chosen_model, find_model, require_model, stated_tune

if TYPE_CHECKING:
    from lcodec.bench import BenchCodec, BenchResult, PictureResult
    from lcodec.bench.curves import Metric
    from lcodec.bench.html import WorstPictures
    from lcodec.bench.peers import Peer

PLOTTED = ("vtm", "bpg", "webp", "jpeg420")
"""Published curves drawn beside the measured one."""


@spread
def bench(
    folder: Annotated[
        Path | None, typer.Option("--set", metavar="DIR", help="Folder of pictures.")
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            metavar="FILE",
            help="Report on figures saved with --json, without a new run.",
        ),
    ] = None,
    levels: Annotated[
        str | None,
        typer.Option(
            "-q",
            "--quality",
            metavar="LIST",
            help="Quality levels, such as 20,50,80; eight from 0 to 100 if not given.",
        ),
    ] = None,
    tune: TuneOption = None,
    model: ModelOption = None,
    effort: EffortOption = 0,
    *,
    networks: Networks,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="LIST",
            help="Other codecs on the same pictures: jpeg,webp,avif,avif444,jxl.",
        ),
    ] = None,
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
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="Write a report as one page, with pictures."),
    ] = None,
    html_quality: Annotated[
        int | None,
        typer.Option(
            "--html-quality",
            metavar="N",
            min=0,
            max=100,
            help="Level whose worst pictures are shown; the one nearest to 50 if not given.",
        ),
    ] = None,
    html_pictures: Annotated[
        int,
        typer.Option(
            "--html-pictures", metavar="N", min=0, help="Number of worst pictures; 0 for none."
        ),
    ] = 3,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure rate, distortion and time.

    All pictures in a folder are encoded to real files at several qualities, read back and decoded.
    The report has rate, SSIMULACRA2, PSNR, MS-SSIM and times; for the Kodak pictures also
    BD-rates against published codecs, and with --against BD-rates against other codecs on any
    pictures. Needs `pip install 'lcodec[bench]'`.
    """
    if (folder is None) == (results is None):
        raise UsageError("give either `--set DIR` or `--results FILE`")
    of_runs = (levels, tune, model, effort, networks, against, limit)
    if results is not None and of_runs != (None, None, None, 0, Networks(), None, None):
        raise UsageError(
            "`--results` makes no new run: `--quality`, `--tune`, `--model`, `--effort`, "
            "`--device`, `--threads`, `--against` and `--limit` do not apply"
        )
    if folder is not None:
        paths.check_folder(folder)
    qualities = None if levels is None else parse_levels(levels)
    outputs = _Outputs(json_file, plot, html, force, quiet)
    outputs.check(results)
    name = chosen_model(model, tune)
    if folder is not None:
        require_model(name)

    from lcodec import bench as benchmark
    from lcodec.bench.extras import require
    from lcodec.bench.html import WorstPictures, nearest_level
    from lcodec.bench.peers import find_peers

    require("scipy.interpolate", "the BD-rate of a benchmark")
    peers = () if against is None else find_peers(against.split(","))
    if plot is not None:
        require("matplotlib.figure", "a plot")
    if html is not None:
        require("jinja2", "an HTML report")
    old = None if results is None else benchmark.load_result(results)
    measured = (qualities or benchmark.DEFAULT_QUALITIES) if old is None else old.qualities
    if html_quality is not None and html_quality not in measured:
        raise UsageError(f"--html-quality {html_quality}: not one of the levels measured")
    level = nearest_level(measured, 50) if html_quality is None else html_quality
    own = stated_tune(find_model(name)) if old is None else old.tune
    worst = WorstPictures(level, 0 if html is None else html_pictures, own == TuneName.VISUAL)
    result = old or _measure(
        folder, measured, name, own, effort, networks, limit, quiet, worst, peers
    )
    outputs.write(result, worst)


def _measure(
    folder: Path | None,
    qualities: Sequence[int],
    model: str,
    tune: str | None,
    effort: int,
    networks: Networks,
    limit: int | None,
    quiet: bool,
    worst: WorstPictures,
    peers: Sequence[Peer],
) -> BenchResult:
    from lcodec import bench as benchmark
    from lcodec.bench.peers import measure

    assert folder is not None
    pictures = benchmark.find_pictures(folder)[:limit]

    def make_codec() -> BenchCodec:
        from lcodec.library.codec import Codec

        networks.prepare()
        return Codec(model=model, device=networks.device.value)

    codec, startup = benchmark.timed_startup(make_codec)
    with waiting(shown=not quiet) as progress:

        def on_result(done: int, total: int, result: PictureResult) -> None:
            note = f"{result.picture} q{result.quality} {result.bpp:.3f} bpp"
            progress("measuring", done, total, note=note)

        result = benchmark.run(
            codec,
            pictures,
            qualities,
            name=f"lcodec {model} -e {effort}" if effort else f"lcodec {model}",
            effort=effort,
            tune=tune,
            startup_seconds=startup,
            progress=on_result,
            observe=worst.observe,
        )
        curves = []
        for peer in peers:

            def on_picture(title: str = peer.title) -> None:
                progress(title, 0, 1)

            curves.append(measure(peer, pictures, on_picture))
        return replace(result, peers=tuple(curves))


def parse_levels(text: str, least: int = 1) -> tuple[int, ...]:
    """Quality levels in a list such as "20,50,80".

    Raises:
        UsageError: not comma-separated whole numbers, outside 0..100, repeated, or fewer than
            ``least``.
    """
    try:
        levels = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--quality {text}: must be whole numbers separated by commas") from None
    if any(not 0 <= level <= 100 for level in levels) or len(set(levels)) != len(levels):
        raise UsageError(f"--quality {text}: levels must be from 0 to 100, each given once")
    if len(levels) < least:
        raise UsageError(f"--quality {text}: at least {counted(least, 'level')} needed")
    return levels


def check_plot(plot: str, force: bool) -> None:
    """Reject a plot with an unknown suffix, or one that cannot be written."""
    suffixes = (".pdf", ".png", ".svg")
    if Path(plot).suffix.lower() not in suffixes:
        raise UsageError(f"{plot}: unknown plot suffix; use one of {' '.join(suffixes)}")
    paths.check_output(plot, force=force)


@dataclass(frozen=True)
class _Outputs:
    """The outputs of a benchmark besides, or instead of, its tables."""

    json: str | None
    plot: str | None
    html: str | None
    force: bool
    quiet: bool

    def check(self, results: Path | None) -> None:
        """Reject outputs that cannot be written or would replace the results they are made from."""
        if self.json not in (None, paths.STANDARD):
            paths.check_output(self.json, force=self.force)
        if self.plot is not None:
            check_plot(self.plot, self.force)
        if self.html is not None:
            check_page(self.html, self.force, [])
        for output in (self.json, self.plot, self.html):
            if results is not None and output is not None:
                paths.refuse_same_file(str(results), output)

    def write(self, result: BenchResult, worst: WorstPictures) -> None:
        """Print the tables, or the JSON, and write the files."""
        from lcodec import bench as benchmark
        from lcodec.bench.html import bench_page

        summary = benchmark.summarize(result)
        figures = benchmark.report_to_json(result, summary)
        if self.json == paths.STANDARD:
            console.emit(figures.rstrip("\n"))
        else:
            shown = rendered(lambda screen: benchmark.print_report(summary, screen))
            console.emit(shown.rstrip("\n"))
            if self.json is not None:
                paths.write_output(self.json, figures.encode("utf-8"), force=self.force)
                self._tell("figures", self.json)
        if self.plot is not None:
            published = PLOTTED if summary.bd_rates and not result.peers else ()
            curves = [result.curve(), *(benchmark.published_curve(name) for name in published)]
            curves += result.peers
            title = f"Mean of {counted(summary.pictures)}"
            metric: Metric = "ssimulacra2" if result.peers else "psnr"
            benchmark.plot_rd(curves, self.plot, metric=metric, title=title, overwrite=self.force)
            self._tell("plot", self.plot)
        if self.html is not None:
            page = bench_page(result, summary, worst.quality, worst.scenes)
            paths.write_output(self.html, page.encode("utf-8"), force=self.force)
            self._tell("page", self.html)

    def _tell(self, what: str, output: str) -> None:
        if not self.quiet:
            paths.tell_written(what, output)
