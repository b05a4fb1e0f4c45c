"""``lcodec batch``: many pictures to ``.lic`` files, or back."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from lcodec.batch.engines import Engine
from lcodec.cli import complete, console
from lcodec.cli.console import PROGRAM
from lcodec.cli.options import (
    FILES,
    MESSAGES,
    Device,
    DeviceOption,
    EffortOption,
    ForceOption,
    MaxPixelsOption,
    ModelOption,
    PreserveOption,
    QualityOption,
    QuietOption,
    StripOption,
    TargetBppOption,
    TargetPsnrOption,
    TargetSizeOption,
    TargetSsimulacra2Option,
    TuneOption,
    VerboseOption,
    check_speech,
    choose_target,
    whole,
)
from lcodec.cli.paths import STANDARD
from lcodec.container import DEFAULT_MAX_PIXELS
from lcodec.errors import InputError, UsageError
from lcodec.suffixes import LIC, READ_SUFFIXES
from lcodec.tunes import DEFAULT_TUNE, default_model, default_quality
from lcodec.weights import require_model, stated_tune

ENCODING = (
    *("quality", "target_size", "target_bpp", "target_psnr", "target_ssimulacra2"),
    *("tune", "effort", "model", "strip"),
)
"""Options that make no sense when decoding."""

WORK = "What is done"
LISTS = "Lists of files (SRC `-`)"
RAY = "On a cluster"


def batch(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC", help="Folder, URL or tar shards, or `-` for a list on standard input."
        ),
    ],
    destination: Annotated[
        str, typer.Argument(metavar="DST", help="Folder, URL or tar shards for the results.")
    ],
    quality: QualityOption = None,
    target_size: TargetSizeOption = None,
    target_bpp: TargetBppOption = None,
    target_psnr: TargetPsnrOption = None,
    target_ssimulacra2: TargetSsimulacra2Option = None,
    tune: TuneOption = DEFAULT_TUNE,
    effort: EffortOption = 0,
    decode: Annotated[
        bool,
        typer.Option(
            "--decode",
            help="Decode .lic files instead of encoding pictures.",
            rich_help_panel=WORK,
        ),
    ] = False,
    picture_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            autocompletion=complete.picture_formats,
            help="With --decode: png (if not given), tif, ...",
            rich_help_panel=WORK,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "-n",
            "--dry-run",
            help="Say what would be done and do nothing.",
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
            help="Processes that work at the same time; by cores, memory and work if not given.",
            rich_help_panel=WORK,
        ),
    ] = None,
    _recursive: Annotated[
        bool,
        typer.Option(
            "-r",
            "--recursive",
            help="Accepted; folders are always gone through.",
            rich_help_panel=WORK,
        ),
    ] = False,
    null: Annotated[
        bool,
        typer.Option(
            "-0", "--null", help="Paths end with NUL, not a newline.", rich_help_panel=LISTS
        ),
    ] = False,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="DIR",
            help="The folder whose tree is mirrored.",
            rich_help_panel=LISTS,
        ),
    ] = None,
    engine: Annotated[
        Engine,
        typer.Option(
            "--engine",
            help="`local`: processes of this machine; `ray`: actors of a Ray cluster.",
            rich_help_panel=RAY,
        ),
    ] = Engine.LOCAL,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="ADDR",
            help="The cluster; RAY_ADDRESS, or one of this machine alone, if not given.",
            rich_help_panel=RAY,
        ),
    ] = None,
    actor_cpus: Annotated[
        float,
        typer.Option(
            "--actor-cpus",
            metavar="N",
            min=0.01,
            help="Processor cores for each actor; 1 if not given.",
            rich_help_panel=RAY,
        ),
    ] = 1,
    actor_gpus: Annotated[
        float | None,
        typer.Option(
            "--actor-gpus",
            metavar="N",
            min=0.0,
            help="GPUs for each actor, such as 0.5; 1 with `--device cuda`, else none.",
            rich_help_panel=RAY,
        ),
    ] = None,
    model: ModelOption = None,
    device: DeviceOption = Device.AUTO,
    strip: StripOption = False,
    preserve: PreserveOption = False,
    max_pixels: MaxPixelsOption = DEFAULT_MAX_PIXELS,
    force: ForceOption = False,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="FILE",
            help="Append a line of JSON for each file as it is done.",
            rich_help_panel=FILES,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a line of JSON a file on standard output.",
            rich_help_panel=MESSAGES,
        ),
    ] = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Encode or decode many files.

    All pictures below SRC are encoded into the same tree of folders below DST; of tar shards, all
    pictures inside. What is finished
    is checked and skipped, so the same command takes up a batch that was stopped. What fails is
    tried twice, does not stop the rest, and is listed at the end.
    """
    check_speech(quiet=quiet, verbose=verbose)
    target = choose_target(quality, target_size, target_bpp, target_psnr, target_ssimulacra2)
    model = model or default_model(tune)
    if quality is None and target is None and not decode:
        quality = default_quality(stated_tune(require_model(model)))
    _check_usage(context, source, decode, destination, picture_format, null, base)
    # Only now: a wrong command line is told of at once.
    from lcodec.batch.engine import survey, work
    from lcodec.batch.manifest import Manifest
    from lcodec.batch.options import DecodeOptions, EncodeOptions, settings
    from lcodec.batch.setup import Setup
    from lcodec.batch.work import TOGETHER
    from lcodec.cli.batchview import View

    options: DecodeOptions | EncodeOptions
    if decode:
        options = DecodeOptions(_suffix(picture_format), device.value, preserve, max_pixels)
    else:
        options = EncodeOptions(
            model, quality, device.value, target, effort, strip, preserve, max_pixels
        )
    setup = Setup(source, destination, options, engine, jobs, address, actor_cpus, actor_gpus)
    setup.check()
    listed = sys.stdin.buffer.read() if source == STANDARD else b""
    plan = setup.plan(listed, null=null, base=base)
    with ExitStack() as stack:
        record = None
        if manifest is not None:
            record = stack.enter_context(Manifest(manifest, read_only=dry_run))
        check = setup.checker(plan, force=force, manifest=record)
        name = "list" if source == STANDARD else source
        verb = "decode" if decode else "encode"
        view = View(
            name,
            verb,
            manifest=None if dry_run else record,
            as_json=as_json,
            quiet=quiet,
            verbose=verbose,
        )
        try:
            for problem in plan.problems:
                view(problem)
            with view.checking(plan.jobs) as planned:
                todo = survey(planned, check, view, dry_run=dry_run)
            if todo and not dry_run:
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
        except (KeyboardInterrupt, SystemExit):
            view.stopped(len(plan.problems) + len(plan.jobs))
            raise
    if not view.report.total:
        view.hint = _other_kind(source, decode)
    view.conclude()


def _check_usage(
    context: typer.Context,
    source: str,
    decode: bool,
    destination: str,
    picture_format: str | None,
    null: bool,
    base: str | None,
) -> None:
    """Refuse options that do not go together, and a source that is not there."""
    given = {
        name
        for name in ENCODING
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    }
    if decode and given:
        option = min(given).replace("_", "-")
        raise UsageError(f"`--{option}` is for encoding and excludes `--decode`")
    if picture_format is not None and not decode:
        raise UsageError("`--format` needs `--decode`")
    if source == STANDARD:
        console.refuse_terminal_input()
        return
    if null or base is not None:
        raise UsageError(f"`{'--null' if null else '--base'}` needs `-` as SRC")
    from lcodec.batch.shards import is_gone_through

    if not is_gone_through(source):
        _refuse_source(source, destination, decode)


def _refuse_source(source: str, destination: str, decode: bool) -> NoReturn:
    if Path(source).exists():
        single = "decode" if decode else "encode"
        raise InputError(f"{source}: is not a folder; `{PROGRAM} {single}` is for one file")
    hint = "; SRC comes before DST" if Path(destination).is_dir() else ""
    raise InputError(f"{source}: no such folder{hint}")


def _other_kind(source: str, decode: bool) -> str:
    """What to add where nothing was found, if there is something for the other direction."""
    if not Path(source).is_dir():
        return ""
    wanted = READ_SUFFIXES if decode else {LIC}
    if not any(path.suffix.lower() in wanted for path in Path(source).rglob("*")):
        return ""
    return "; there are pictures to encode" if decode else "; `--decode` is for its .lic files"


def _suffix(picture_format: str | None) -> str:
    """The suffix of a format named on the command line, with or without its dot."""
    from lcodec.picture import format_of_suffix

    suffix = "." + (picture_format or "png").lower().removeprefix(".")
    format_of_suffix(suffix)
    return suffix
