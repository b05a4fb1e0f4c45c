"""``lcodec batch``: a folder of pictures to a folder of ``.lic`` files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lcodec.cli import console
from lcodec.cli.options import (
    DEFAULT_MODEL,
    DEFAULT_QUALITY,
    Device,
    DeviceOption,
    ForceOption,
    ModelOption,
    QualityOption,
    QuietOption,
)
from lcodec.errors import InputError
from lcodec.weights import require_model

if TYPE_CHECKING:
    from lcodec.batch import Outcome, PictureEncoder, Report

EXIT_SOME_FAILED = 1
EXIT_NOTHING_TO_DO = 9


def batch(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Folder of pictures.")],
    destination: Annotated[Path, typer.Argument(metavar="DST", help="Folder for .lic files.")],
    quality: QualityOption = DEFAULT_QUALITY,
    model: ModelOption = DEFAULT_MODEL,
    device: DeviceOption = Device.AUTO,
    force: ForceOption = False,
    _recursive: Annotated[
        bool, typer.Option("-r", "--recursive", help="Accepted; folders are always gone through.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON a picture on standard output.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Encode a folder of pictures.

    All pictures below SRC are encoded into the same tree of folders below DST. Those whose
    output is there already are skipped, so that a batch can be taken up again. What fails does
    not stop the rest and is listed at the end. Exit status: 0 all done, 1 some failed, 9
    nothing to do.
    """
    if not source.is_dir():
        raise InputError(f"{source}: {'is not a folder' if source.exists() else 'no such folder'}")
    from lcodec.batch import Report, plan, run

    planned = plan(source, destination)

    def make_encoder() -> PictureEncoder:
        require_model(model)
        from lcodec.codec import Codec

        return Codec(model=model, device=device.value)

    for problem in planned.problems:
        _show(problem, as_json, quiet)
    total = len(planned.jobs)
    with console.progress_bar("{task.fields[name]}", shown=not quiet) as progress:
        task = progress.add_task("", total=total, name="") if progress else None

        def on_outcome(outcome: Outcome) -> None:
            if progress and task is not None:
                progress.update(task, advance=1, name=outcome.source.name)
            _show(outcome, as_json, quiet)

        report = run(
            planned.jobs, make_encoder, quality=quality, overwrite=force, on_outcome=on_outcome
        )
    report = Report((*planned.problems, *report.outcomes))
    _conclude(report, source, quiet)


def _show(outcome: Outcome, as_json: bool, quiet: bool) -> None:
    if as_json:
        console.emit_json(outcome.to_dict())
    if not quiet:
        console.warn(str(outcome.source), outcome.notes)


def _conclude(report: Report, source: Path, quiet: bool) -> None:
    """List the failures, sum up, and exit with the status."""
    for outcome in report.failed:
        message = outcome.error or ""
        named = message.startswith(f"{outcome.source}:")
        console.fail(message if named else f"{outcome.source}: {message}")
    if not quiet:
        console.say(_summary(report, source))
    if report.failed:
        raise typer.Exit(EXIT_SOME_FAILED)
    if not report.done:
        raise typer.Exit(EXIT_NOTHING_TO_DO)


def _summary(report: Report, source: Path) -> str:
    if not report.outcomes:
        return f"{source}: no pictures found"
    parts = [
        f"{len(outcomes)} {word}"
        for outcomes, word in (
            (report.done, "encoded"),
            (report.skipped, "skipped (output exists)"),
            (report.failed, "failed"),
        )
        if outcomes
    ]
    size = sum(outcome.bytes or 0 for outcome in report.done)
    pixels = sum((outcome.width or 0) * (outcome.height or 0) for outcome in report.done)
    figures = f"; {size} bytes, {8 * size / pixels:.4f} bpp" if pixels else ""
    return f"{source}: {', '.join(parts)}{figures}"
