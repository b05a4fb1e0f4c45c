"""The program: its commands, and how errors are reported (docs/CLI.md)."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer

from lcodec import __version__
from lcodec.cli import complete, mistakes
from lcodec.cli.batch import batch
from lcodec.cli.bench import bench
from lcodec.cli.compare import compare
from lcodec.cli.comparemodels import compare_models
from lcodec.cli.console import PROGRAM, emit, fail, flush, say
from lcodec.cli.decode import decode
from lcodec.cli.desktop import desktop_app
from lcodec.cli.encode import encode
from lcodec.cli.help import Command, Group
from lcodec.cli.inspect import inspect
from lcodec.cli.man import man
from lcodec.cli.repack import repack
from lcodec.cli.streams import occupy_closed_streams, own_output
from lcodec.cli.train import train
from lcodec.cli.view import view
from lcodec.cli.weights import weights_app
from lcodec.errors import Exit, LcodecError
from lcodec.process.atomic import delete_unfinished
from lcodec.process.failures import without_temporary_folder
from lcodec.process.startup import own_process

DEBUG = "LCODEC_DEBUG"
_BY_SIGNAL = 128  # plus the signal number is the exit status, as in shells

app = typer.Typer(
    name=PROGRAM,
    cls=Group,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(context: typer.Context, wanted: bool) -> None:
    # A shell that asks for completions has the line parsed, too.
    if wanted and not context.resilient_parsing:
        emit(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _program(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "-V", "--version", callback=_show_version, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    """A learned image codec: pictures to .lic files and back.

    `lcodec IN OUT` encodes or decodes, depending on IN. `-` is standard input or output. Results
    go to standard output, everything else to standard error.
    """
    if context.invoked_subcommand is None:
        say(context.get_help())
        raise typer.Exit(Exit.USAGE)


app.command(cls=Command)(encode)
app.command(cls=Command)(decode)
app.command(cls=Command)(batch)
app.command(cls=Command)(view)
app.command(cls=Command)(inspect)
app.command(cls=Command)(repack)
app.command(cls=Command)(compare)
app.command(cls=Command)(bench)
app.command("compare-models", cls=Command)(compare_models)
app.command(cls=Command)(train)
app.add_typer(weights_app, name="weights")
app.add_typer(desktop_app, name="desktop")
app.command(cls=Command)(man)


def run(arguments: Sequence[str]) -> int:
    """Run the program with ``arguments`` (without its own name) and return its exit status."""
    try:
        shell = complete.asked_script(arguments)
        if shell is not None:
            emit(complete.script(lambda: app([], prog_name=PROGRAM), shell))
            return 0
        status = app(list(arguments), prog_name=PROGRAM, standalone_mode=False)
        flush()
        # Typer turns an interrupt into an exit status; older versions raise Abort.
        if status == Exit.INTERRUPTED:
            raise KeyboardInterrupt
        return status if isinstance(status, int) else 0
    except LcodecError as error:
        fail(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        fail("interrupted")
        return Exit.INTERRUPTED
    except Exception as error:
        known = without_temporary_folder(error)
        if known is not None:
            fail(str(known))
            return known.exit_code
        if not mistakes.is_usage_mistake(error):
            return _unexpected(error)
        fail(mistakes.explain(error, arguments))
        return Exit.USAGE


def _unexpected(error: Exception) -> int:
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    hint = "" if os.environ.get(DEBUG) else f" ({DEBUG}=1 shows where)"
    fail(f"unexpected {type(error).__name__}: {error}{hint}")
    return Exit.DEFECT


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    # As an exception, so that unfinished output is deleted on the way out.
    raise SystemExit(_BY_SIGNAL + number)


def _heed_signals() -> None:
    """Let terminating signals end the program in an orderly way."""
    for name in ("SIGTERM", "SIGHUP", "SIGQUIT"):
        number = getattr(signal, name, None)
        # nohup sets hang-ups to be ignored, which is respected.
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _terminate)


def main() -> NoReturn:
    """Entry point of the command ``lcodec``."""
    occupy_closed_streams()
    own_output()
    _heed_signals()
    own_process()
    # About damage that Pillow tolerates; users cannot tell what these warnings mean.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        status = run(sys.argv[1:])
    finally:
        delete_unfinished()
    sys.exit(status)
