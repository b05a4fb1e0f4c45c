"""``lcodec batch``: many pictures to ``.lic`` files, or back."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lcodec.batch.engines import Engine
from lcodec.cli import console
from lcodec.cli.console import PROGRAM
from lcodec.cli.decode import FormatOption
from lcodec.cli.options import (
    FILES,
    Messages,
    ModelOption,
    Networks,
    Rate,
    StripOption,
    Writing,
)
from lcodec.cli.paths import STANDARD, read_input, same_file
from lcodec.cli.skeleton import spread
from lcodec.cli.values import format_suffix, number, whole
from lcodec.errors import DiskFullError, InputError, UsageError
from lcodec.suffixes import LIC, READ_SUFFIXES
from lcodec.tunes import default_quality
from lcodec.weights import require_model, stated_tune

if TYPE_CHECKING:
    from lcodec.batch.location import Location

ENCODING = (
    *("quality", "target_size", "target_bpp", "target_psnr", "target_ssimulacra2"),
    *("tune", "effort", "model", "strip"),
)
"""Options that are meaningless when decoding."""

WORK = "What is done"
LISTS = "Lists of files (SRC `-`)"
RAY = "On a cluster"


@spread
def batch(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="SRC... DST",
            help="Folders, files, URLs, tar shards, or `-` for a list on standard input; then the "
            "folder, URL or tar shards to write to.",
        ),
    ],
    rate: Rate,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DST",
            help="Where to write; all arguments then are SRC.",
            rich_help_panel=FILES,
        ),
    ] = None,
    decode: Annotated[
        bool,
        typer.Option(
            "--decode",
            help="Decode .lic files instead of encoding pictures.",
            rich_help_panel=WORK,
        ),
    ] = False,
    picture_format: FormatOption = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "-n",
            "--dry-run",
            help="Show what would be done, without doing it.",
            rich_help_panel=WORK,
        ),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "-j",
            "--jobs",
            metavar="N",
            parser=whole(1),
            help="Number of parallel processes; if not given, by cores, memory and work.",
            rich_help_panel=WORK,
        ),
    ] = None,
    _recursive: Annotated[
        bool,
        typer.Option(
            "-r",
            "--recursive",
            help="Accepted for compatibility; folders are always recursed into.",
            rich_help_panel=WORK,
        ),
    ] = False,
    null: Annotated[
        bool,
        typer.Option(
            "-0", "--null", help="Paths end with NUL, not newline.", rich_help_panel=LISTS
        ),
    ] = False,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="DIR",
            help="Folder whose tree is mirrored; also when SRC are files.",
            rich_help_panel=LISTS,
        ),
    ] = None,
    engine: Annotated[
        Engine,
        typer.Option(
            "--engine",
            help="`local`: processes on this machine; `ray`: actors on a Ray cluster.",
            rich_help_panel=RAY,
        ),
    ] = Engine.LOCAL,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="ADDR",
            help="The cluster; if not given, RAY_ADDRESS or a cluster of this machine alone.",
            rich_help_panel=RAY,
        ),
    ] = None,
    actor_cpus: Annotated[
        float,
        typer.Option(
            "--actor-cpus",
            metavar="N",
            parser=number(0.01),
            help="Processor cores per actor.",
            rich_help_panel=RAY,
        ),
    ] = 1,
    actor_gpus: Annotated[
        float | None,
        typer.Option(
            "--actor-gpus",
            metavar="N",
            parser=number(0),
            help="GPUs per actor, such as 0.25; if not given, 1 with `--device cuda`, else none.",
            rich_help_panel=RAY,
        ),
    ] = None,
    model: ModelOption = None,
    *,
    networks: Networks,
    strip: StripOption = False,
    writing: Writing,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="FILE",
            help="Append a line of JSON for each file as soon as it is done.",
            rich_help_panel=FILES,
        ),
    ] = None,
    messages: Messages,
) -> None:
    """Encode or decode many files.

    All pictures below folder SRC are encoded into the same tree of folders below DST. SRC can also
    be files, or tar shards, whose pictures are all encoded. Finished files are checked and skipped,
    so running the same command again resumes a stopped batch. A file that fails is tried once
    more, does not stop the rest, and is listed at the end; but a full disk ends the batch.
    """
    target, name = rate.target(), "" if decode else rate.model(model)
    quality = rate.quality
    if quality is None and target is None and not decode:
        quality = default_quality(stated_tune(require_model(name)))
    elif not decode:
        require_model(name)
    sources, destination = _split(files, output, decode)
    _check_usage(context, sources, decode, picture_format, null, base)
    # Imported only now, so that usage errors are reported at once.
    from lcodec.batch.engine import survey, work
    from lcodec.batch.location import tidy
    from lcodec.batch.manifest import Manifest
    from lcodec.batch.options import DecodeOptions, EncodeOptions, settings
    from lcodec.batch.setup import Setup
    from lcodec.batch.work import TOGETHER
    from lcodec.cli.batchview import View

    options: DecodeOptions | EncodeOptions
    device, preserve, limit = networks.device.value, writing.preserve, writing.max_pixels
    if decode:
        options = DecodeOptions(format_suffix(picture_format), device, preserve, limit)
    else:
        options = EncodeOptions(name, quality, device, target, rate.effort, strip, preserve, limit)
    setup = Setup(
        tuple(sources),
        destination,
        options,
        engine,
        jobs,
        networks.threads,
        address,
        actor_cpus,
        actor_gpus,
    )
    setup.check()
    listed = read_input(STANDARD) if sources == [STANDARD] else b""
    plan = setup.plan(listed, null=null, base=base)
    with ExitStack() as stack:
        record = None
        if manifest is not None:
            record = stack.enter_context(Manifest(manifest, read_only=dry_run))
            messages.warn(str(manifest), record.notes)
        check = setup.checker(plan, force=writing.force, manifest=record)
        view = View(
            _name(sources),
            "decode" if decode else "encode",
            manifest=None if dry_run else record,
            messages=messages,
        )
        try:
            for problem in plan.problems:
                view(problem)
            if not dry_run:
                tidy(job.output for job in plan.jobs)
            with view.checking(plan.jobs) as planned:
                todo = survey(planned, check, view, dry_run=dry_run)
            if todo and not dry_run:
                setup.prepare()
                with view.working(todo), setup.executor(todo) as executor:
                    view.detail(f"{len(todo)} files, {executor.jobs} at a time")
                    work(
                        todo,
                        executor,
                        check,
                        view,
                        settings(options),
                        together=1 if decode else TOGETHER,
                    )
        except (KeyboardInterrupt, SystemExit, DiskFullError):
            view.stopped(len(plan.problems) + len(plan.jobs))
            raise
    if not view.report.total:
        view.hint = _other_kind(sources, decode)
    view.conclude([file for file in plan.left_out if not _is(manifest, file)])


def _split(files: list[str], output: str | None, decode: bool) -> tuple[list[str], str]:
    """The sources and the destination folder."""
    if output is not None:
        return files, output
    *sources, last = files
    if not sources:
        form = f"{PROGRAM} batch {'--decode ' if decode else ''}{last} DST"
        raise UsageError(f"no DST given; usage: `{form}`")
    return sources, last


def _check_usage(
    context: typer.Context,
    sources: list[str],
    decode: bool,
    picture_format: str | None,
    null: bool,
    base: str | None,
) -> None:
    """Reject incompatible options and missing sources."""
    given = {
        name
        for name in ENCODING
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    }
    if decode and given:
        option = min(given).replace("_", "-")
        raise UsageError(f"`--{option}` is for encoding and cannot be combined with `--decode`")
    if picture_format is not None and not decode:
        raise UsageError("`--format` needs `--decode`")
    if STANDARD in sources:
        if len(sources) > 1:
            raise UsageError("SRC `-` is a list on standard input and must be the only source")
        console.refuse_terminal_input()
        return
    if null:
        raise UsageError("`--null` needs SRC `-`")
    if base is not None and _one_tree(sources):
        raise UsageError("`--base` is for files; a folder SRC has its own tree mirrored")
    from lcodec.batch.location import parse_location
    from lcodec.batch.shards import names_shards

    for source in sources:
        here = None if names_shards(source) else parse_location(source)
        if isinstance(here, Path) and not here.exists():
            raise InputError(f"{source}: no such file or folder{_order(context, source)}")


def _order(context: typer.Context, source: str) -> str:
    """A hint if the missing source may have been meant as DST."""
    files = context.params["files"]
    swapped = len(files) == 2 and source == files[0] and Path(files[1]).is_dir()
    return "; SRC comes before DST" if swapped else ""


def _one_tree(sources: list[str]) -> bool:
    return len(sources) == 1 and Path(sources[0]).is_dir()


def _name(sources: list[str]) -> str:
    """The name of the batch in messages."""
    if sources == [STANDARD]:
        return "list"
    return sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more"


def _is(manifest: Path | None, file: Location) -> bool:
    return manifest is not None and isinstance(file, Path) and same_file(str(manifest), str(file))


def _other_kind(sources: list[str], decode: bool) -> str:
    """A hint if nothing was found, but there are files for the other direction."""
    if not _one_tree(sources):
        return ""
    wanted = READ_SUFFIXES if decode else {LIC}
    if not any(path.suffix.lower() in wanted for path in Path(sources[0]).rglob("*")):
        return ""
    return "; there are pictures to encode" if decode else "; `--decode` decodes its .lic files"
