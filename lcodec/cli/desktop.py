"""``lcodec desktop``: register ``.lic`` files with a freedesktop system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lcodec.cli import console, licfiles, paths, sniff
from lcodec.cli.help import Command, Group
from lcodec.cli.man import manual_page
from lcodec.cli.options import MaxPixelsOption, Networks, QuietOption
from lcodec.cli.skeleton import spread
from lcodec.cli.values import whole
from lcodec.container import DEFAULT_MAX_PIXELS
from lcodec.limits import DecoderLimits
from lcodec.process.datafolder import data_folder

desktop_app = typer.Typer(
    cls=Group, help="File type, thumbnails and man page for Linux desktops.", rich_markup_mode=None
)

FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Data folder instead of $XDG_DATA_HOME or ~/.local/share, such as /usr/share.",
    ),
]


@desktop_app.command(cls=Command)
def install(context: typer.Context, data: FolderOption = None, quiet: QuietOption = False) -> None:
    """Register .lic files with the desktop.

    File managers then recognise the type, show thumbnails, and open files with `lcodec view
    --browser`; `man lcodec` works. The file lcodec.magic is for file(1): `file -m`.
    """
    from lcodec.desktop import pieces

    root = data or data_folder()
    for path in pieces.install(root, manual_page(context.find_root())):
        if not quiet:
            console.say(str(path))
    pieces.tell(root, _missing)


@desktop_app.command(cls=Command)
def remove(data: FolderOption = None, quiet: QuietOption = False) -> None:
    """Remove what `install` added."""
    from lcodec.desktop import pieces

    root = data or data_folder()
    removed = pieces.remove(root)
    for path in removed:
        if not quiet:
            console.say(f"{path}: removed")
    if removed:
        pieces.tell(root, _missing)
    elif not quiet:
        console.say(f"{root}: nothing of lcodec is installed here")


@desktop_app.command(cls=Command)
@spread
def thumbnail(
    side: Annotated[
        int,
        typer.Argument(metavar="SIZE", parser=whole(1, 4096), help="Longest side in pixels."),
    ],
    source: Annotated[str, typer.Argument(metavar="IN", help="The .lic file.")],
    output: Annotated[
        str, typer.Argument(metavar="OUT", help="PNG file to write, whatever its name.")
    ],
    *,
    networks: Networks,
    max_pixels: MaxPixelsOption = DEFAULT_MAX_PIXELS,
) -> None:
    """Make a thumbnail, as file managers ask for it."""
    paths.check_input(source)
    with paths.about(paths.shown(source)):
        sniff.refuse_picture(sniff.peek(source))
        with licfiles.opened(source, DecoderLimits.for_pixels(max_pixels)) as file:
            from lcodec.view import preview

            networks.prepare()
            device = networks.device.value
            image = preview.preview(file, side, device=device, max_pixels=max_pixels)
    paths.write_output(output, preview.png(image), force=True)


def _missing(tool: str) -> None:
    console.fail(f"warning: `{tool}` is not installed, so the desktop may not notice at once")
