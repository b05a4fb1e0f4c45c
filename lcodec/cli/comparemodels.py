"""``lcodec compare-models``: all entropy models on the same latents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lcodec import weights
from lcodec.cli import complete, console, paths
from lcodec.cli.bench import check_plot, parse_levels
from lcodec.cli.options import ForceOption, Networks, QuietOption
from lcodec.cli.skeleton import spread
from lcodec.cli.tables import rendered
from lcodec.cli.waiting import waiting
from lcodec.errors import UsageError


@spread
def compare_models(
    folder: Annotated[Path, typer.Option("--set", metavar="DIR", help="Folder of pictures.")],
    names: Annotated[
        str | None,
        typer.Option(
            "--models",
            metavar="LIST",
            autocompletion=complete.model_lists,
            help="Models, separated by commas; if not given, all over the same transforms.",
        ),
    ] = None,
    levels: Annotated[
        str, typer.Option("-q", "--quality", metavar="LIST", help="Quality levels.")
    ] = "10,30,50,70,90",
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="First N pictures only.")
    ] = None,
    uncached: Annotated[
        int,
        typer.Option(
            "--uncached", metavar="N", min=0, help="Also decode N pictures without the cache."
        ),
    ] = 1,
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory", metavar="LIST", help="Measure peak memory at these sizes in megapixels."
        ),
    ] = None,
    *,
    networks: Networks,
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write all figures as JSON; `-` for stdout."),
    ] = None,
    markdown_file: Annotated[
        str | None, typer.Option("--markdown", metavar="FILE", help="Write the table as Markdown.")
    ] = None,
    plot: Annotated[
        str | None,
        typer.Option("--plot", metavar="FILE", help="Draw bytes against time (.png, .svg, .pdf)."),
    ] = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare the entropy models on equal latents.

    The latents of every picture are coded and decoded with every model over the same transforms.
    The table has bytes, time, parameters and operations; bytes and times are relative to
    `checkerboard`, or to the first model if that is not among them.
    """
    paths.check_folder(folder)
    qualities = parse_levels(levels)
    sizes = _sizes(memory)
    for file in (json_file, markdown_file):
        if file not in (None, paths.STANDARD):
            paths.check_output(file, force=force)
    if plot is not None:
        check_plot(plot, force)
    chosen = names.split(",") if names else weights.comparable_models()
    for name in chosen:
        weights.require_model(name)

    from lcodec.bench import find_pictures, modelreport
    from lcodec.bench.comparemodels import compare

    pictures = find_pictures(folder)[:limit]
    networks.prepare()
    with waiting(shown=not quiet) as progress:
        comparison = compare(
            chosen,
            pictures,
            qualities,
            device=networks.device.value,
            uncached=uncached,
            megapixels=sizes,
            progress=lambda done, total: progress("coding", done, total),
        )
    if json_file == paths.STANDARD:
        console.emit(comparison.to_json().rstrip("\n"))
    else:
        shown = rendered(lambda screen: modelreport.print_comparison(comparison, screen))
        console.emit(shown.rstrip("\n"))
    written = []
    texts = (
        ("figures", json_file, comparison.to_json()),
        ("table", markdown_file, modelreport.markdown(comparison)),
    )
    for what, file, text in texts:
        if file is not None and file != paths.STANDARD:
            paths.write_output(file, text.encode("utf-8"), force=force)
            written.append((what, file))
    if plot is not None:
        modelreport.plot_comparison(comparison, plot, overwrite=force)
        written.append(("plot", plot))
    for what, file in written if not quiet else ():
        paths.tell_written(what, file)


def _sizes(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = (0,)
    if any(size < 1 for size in sizes):
        raise UsageError(
            f"--memory {text}: must be whole numbers of megapixels separated by commas"
        )
    return sizes
