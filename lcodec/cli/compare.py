"""``lcodec compare``: pictures of any format against a reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcodec.cli import complete, console, paths
from lcodec.cli.figures import exact
from lcodec.cli.options import MESSAGES, ForceOption, Networks, QuietOption
from lcodec.cli.skeleton import spread
from lcodec.cli.tables import rendered
from lcodec.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from lcodec.bench.html import Scene
    from lcodec.metrics.compare import PictureComparison


@spread
def compare(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Pictures or .lic files, all of the same size.",
            autocompletion=complete.pictures_and_lic_files,
        ),
    ],
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="ORIGINAL",
            autocompletion=complete.pictures_and_lic_files,
            help="Picture to measure against; the first FILE if not given.",
        ),
    ] = None,
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="OUT", help="Write a page to view the pictures with."),
    ] = None,
    *,
    networks: Networks,
    force: ForceOption = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print the figures as JSON instead of a table.",
            rich_help_panel=MESSAGES,
        ),
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Compare pictures with a reference.

    Shows size, bits per pixel, PSNR, MS-SSIM and SSIMULACRA2 of each. With --html, a page shows
    them side by side, overlaid, and their differences; it is a single file.
    """
    names = files if reference is None else [reference, *files]
    if len(names) < 2:
        raise UsageError("give at least two pictures, or one and `--reference`")
    if paths.STANDARD in names:
        raise UsageError("`-`: pictures to compare must be files, not standard input")
    for name in names:
        paths.check_input(name, "name the pictures in it, as `{}/*`")
    if html is not None:
        check_page(html, force, names)

    from lcodec.bench.extras import require
    from lcodec.bench.picturefiles import read_files
    from lcodec.metrics.compare import compare_pictures

    if html is not None:
        require("jinja2", "an HTML report")
    networks.prepare()
    first, *others = read_files(names, device=networks.device.value)
    comparison = compare_pictures(first, others)
    if html is not None:
        _write_page(comparison, html, force)
    if as_json:
        console.emit_json(_record(comparison))
    else:
        console.emit(rendered(lambda screen: _print_table(comparison, screen)).rstrip("\n"))
    if not quiet:
        _warn(comparison)
        if html is not None:
            paths.tell_written("page", html)


def check_page(html: str, force: bool, inputs: list[str]) -> None:
    """Reject a page that cannot be written or would replace one of the inputs.

    Raises:
        UsageError: it is standard output or one of the inputs.
        OutputError: it cannot be written.
    """
    if html == paths.STANDARD:
        raise UsageError("`--html -`: the page must be a file, not standard output")
    for name in inputs:
        paths.refuse_same_file(name, html)
    paths.check_output(html, force=force)


def _write_page(comparison: PictureComparison, html: str, force: bool) -> None:
    from lcodec.bench.html import compare_page

    page = compare_page(comparison, _scene(comparison))
    paths.write_output(html, page.encode("utf-8"), force=force)


def _scene(comparison: PictureComparison) -> Scene:
    from lcodec.bench.html import Pane, make_scene
    from lcodec.metrics.compare import shown_psnr

    reference = comparison.reference
    panes = [(Pane(reference.name, f"reference, {exact(reference.bytes)}"), reference.picture)]
    for file, figures in zip(comparison.files, comparison.figures, strict=True):
        psnr = "equal" if math.isinf(figures.psnr) else f"{shown_psnr(figures.psnr)} dB"
        panes.append((Pane(file.name, f"{exact(file.bytes)}, {psnr}"), file.picture))
    return make_scene("", panes)


def _record(comparison: PictureComparison) -> dict[str, Any]:
    reference = comparison.reference
    pictures = [
        {
            "file": file.name,
            "format": file.kind,
            "bytes": file.bytes,
            "bpp": file.bpp,
            "equal": math.isinf(figures.psnr),
            "psnr": None if math.isinf(figures.psnr) else figures.psnr,
            "ms_ssim": figures.ms_ssim,
            "ssimulacra2": figures.ssimulacra2,
            "notes": [*file.picture.notes, *figures.notes],
        }
        for file, figures in zip(comparison.files, comparison.figures, strict=True)
    ]
    return {
        "reference": reference.name,
        "format": reference.kind,
        "width": reference.picture.width,
        "height": reference.picture.height,
        "bytes": reference.bytes,
        "bpp": reference.bpp,
        "notes": list(reference.picture.notes),
        "pictures": pictures,
    }


def _print_table(comparison: PictureComparison, screen: Console) -> None:
    from lcodec.bench.screentable import FOLDED, Column, print_table
    from lcodec.metrics.compare import shown_psnr

    reference = comparison.reference
    size = f"{reference.picture.width}x{reference.picture.height}"
    title = f"against {console.printable(reference.name)}, {size}"
    columns = (
        Column("picture", left=True, folds=FOLDED),
        Column("format", 4, left=True, folds=FOLDED),
        *(Column("bytes", 1), Column("bpp", 3), Column("PSNR\ndB")),
        *(Column("MS-SSIM", 2), Column("SSIM.2")),
    )
    rows = [(reference, "reference", "-", "-")]
    for file, figures in zip(comparison.files, comparison.figures, strict=True):
        similarity = "-" if figures.ms_ssim is None else f"{figures.ms_ssim:.5f}"
        points = "-" if figures.ssimulacra2 is None else f"{figures.ssimulacra2:.2f}"
        rows.append((file, shown_psnr(figures.psnr), similarity, points))
    cells = [
        (console.printable(file.name), file.kind, f"{file.bytes:,}", f"{file.bpp:.4f}", *values)
        for file, *values in rows
    ]
    print_table(title, columns, cells, screen, "a wider terminal, a pipe, and with --json")


def _warn(comparison: PictureComparison) -> None:
    console.warn(comparison.reference.name, comparison.reference.picture.notes)
    for file, figures in zip(comparison.files, comparison.figures, strict=True):
        console.warn(file.name, (*file.picture.notes, *figures.notes))
