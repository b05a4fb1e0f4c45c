"""``lcodec view``: look at ``.lic`` files."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from lcodec.batch.search import files_below
from lcodec.cli import complete, console, paths, sniff
from lcodec.cli.inspect import facts
from lcodec.cli.licfiles import read_lic
from lcodec.cli.options import MaxPixelsOption, Networks, QuietOption
from lcodec.cli.skeleton import spread
from lcodec.cli.values import whole
from lcodec.cli.waiting import waiting
from lcodec.container import DEFAULT_MAX_PIXELS
from lcodec.errors import InputError, LcodecError, UsageError
from lcodec.limits import DecoderLimits
from lcodec.plurals import counted
from lcodec.process.outputs import make_folder
from lcodec.process.progress import Progress, labelled
from lcodec.suffixes import LIC

BROWSER = "In a browser"


@spread
def view(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help=".lic files, or folders of them.",
            autocompletion=complete.lic_files,
        ),
    ],
    browser: Annotated[
        bool,
        typer.Option(
            "--browser",
            help="Show a page with zoom and file details.",
            rich_help_panel=BROWSER,
        ),
    ] = False,
    port: Annotated[
        int,
        typer.Option(
            "--port",
            metavar="N",
            parser=whole(0, 65535),
            help="Port of the page; any free one if 0.",
            rich_help_panel=BROWSER,
        ),
    ] = 0,
    no_open: Annotated[
        bool,
        typer.Option(
            "--no-open",
            help="Print the address of the page without opening a browser.",
            rich_help_panel=BROWSER,
        ),
    ] = False,
    *,
    networks: Networks,
    max_pixels: MaxPixelsOption = DEFAULT_MAX_PIXELS,
    quiet: QuietOption = False,
) -> None:
    """Look at .lic files.

    Files are decoded and opened in the system's picture viewer. With --browser, or for a folder,
    they are shown on a page with thumbnails, zoom and file details, and decoded as they come into
    view. Only this machine can open the page; Ctrl-C ends it.
    """
    if paths.STANDARD in files:
        raise UsageError("`-`: files can be viewed, standard input cannot")
    for name in files:
        if not os.path.exists(name):
            raise InputError(f"{name}: no such file or folder")
    if browser or no_open or port or any(map(os.path.isdir, files)):
        _serve(files, networks, max_pixels, port=port, no_open=no_open, quiet=quiet)
    else:
        _open_in_viewer(files, networks, max_pixels, quiet=quiet)


def _check(name: str) -> None:
    """Make sure that a file is not a picture of another kind, which any viewer shows."""
    with paths.about(name):
        sniff.refuse_picture(sniff.peek(name))


def _serve(
    files: list[str],
    networks: Networks,
    max_pixels: int,
    *,
    port: int,
    no_open: bool,
    quiet: bool,
) -> None:
    for name in files:
        if not os.path.isdir(name):
            _check(name)
    listed, problems = files_below(map(Path, files), {LIC})
    for problem in problems:
        console.fail(problem.error or "")
    if not listed:
        raise InputError(f"{files[0]}: contains no .lic files")
    listed = list(dict.fromkeys(sorted(listed) if len(files) == 1 else listed))

    from lcodec.view.album import Album
    from lcodec.view.server import HOST, Server

    networks.prepare()
    title, names = "Files", [str(path) for path in listed]
    if len(files) == 1 and os.path.isdir(files[0]):
        title, names = files[0], [str(path.relative_to(files[0])) for path in listed]
    album = Album(listed, device=networks.device.value, max_pixels=max_pixels)
    try:
        server = Server(album, title, facts, names=names, port=port)
    except OSError as error:
        raise UsageError(f"--port {port}: {error.strerror or error}") from error
    with server:
        console.emit(server.address)
        if not quiet:
            count = counted(len(listed), "file")
            console.say(f"{count} shown at {HOST}, for this machine only; Ctrl-C ends it")
        if not no_open:
            import webbrowser

            # Browsers of terminals, and the commands of $BROWSER, are waited for until they end.
            threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            if not quiet:
                console.say("ended")


def _open_in_viewer(files: list[str], networks: Networks, max_pixels: int, *, quiet: bool) -> None:
    from lcodec.cli.viewer import new_folder, viewer

    show = viewer()
    for name in files:
        _check(name)
    folder = new_folder()
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        made: list[str] = []
        for name in files:
            output = folder / f"{len(made):03d}" / f"{Path(name).stem}.png"
            with waiting(shown=not quiet) as bar, paths.about(name):
                progress = labelled(bar, name) if len(files) > 1 else bar
                _decode(name, output, networks, max_pixels, progress)
            made.append(os.fspath(output))
        # One at a time: not every viewer takes several files.
        for name, output_name in zip(files, made, strict=True):
            if not quiet:
                console.say(f"{name} -> {output_name}")
            try:
                show(output_name)
            except OSError as error:
                raise LcodecError(
                    f"{name}: the system's viewer cannot show it; `--browser` shows a page"
                ) from error
            undo.pop_all()  # the viewer reads it even after this program has ended


def _decode(
    name: str, output: Path, networks: Networks, max_pixels: int, progress: Progress
) -> None:
    progress("loading networks", 0, 1)
    limits = DecoderLimits.for_pixels(max_pixels)
    data = read_lic(name, limits)

    from lcodec.library.forms import as_file
    from lcodec.library.shared import shared_codec
    from lcodec.picture import save
    from lcodec.weights import find_model_by_id

    networks.prepare()
    file = as_file(bytes(data), limits)
    model = find_model_by_id(file.header.model_id).name
    decoded = shared_codec(model, networks.device.value).decode(file, progress=progress)
    make_folder(output.parent)
    save(decoded.picture, output)
