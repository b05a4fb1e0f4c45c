"""The end of the help of every command: examples and the exit status."""

from __future__ import annotations

from lcodec.errors import Exit
from lcodec.tunes import default_quality

Examples = tuple[tuple[str, str], ...]

_EXITS = {int(one): one for one in Exit}

EXAMPLES: dict[str, Examples] = {
    "": (
        ("lcodec encode photo.png", "to photo.lic"),
        ("lcodec decode photo.lic", "to photo.png"),
        ("lcodec photo.png small.lic -q 40", "encode, guessed from IN"),
        ("lcodec batch photos/ coded/", "a whole folder tree"),
        ("lcodec inspect photo.lic", "show what it holds"),
    ),
    "encode": (
        ("lcodec encode photo.png", f"to photo.lic, quality {default_quality()}"),
        ("lcodec encode photo.png small.lic -q 20", "smaller"),
        ("lcodec encode photo.png --target-size 200KB", "the best that fits into 200 KB"),
        ("lcodec encode *.png coded/", "several files"),
        ("lcodec encode - < photo.png > photo.lic", "in a pipe"),
    ),
    "decode": (
        ("lcodec decode photo.lic", "to photo.png"),
        ("lcodec decode photo.lic photo.tif", "to another format"),
        ("lcodec decode *.lic -o pictures/", "several files"),
        ("lcodec decode photo.lic part.png --region 0,0,640x480", "a part of it"),
        ("lcodec decode - < photo.lic > photo.png", "in a pipe"),
    ),
    "batch": (
        ("lcodec batch photos/ coded/ -q 60", "encode a tree, or resume"),
        ("lcodec batch *.png coded/ -j 4", "files, in 4 processes"),
        ("lcodec batch --decode coded/ photos/ --format tif", "decode to TIFF"),
        ("find . -name '*.png' -print0 | lcodec batch -0 - coded/", "files from a list"),
        ("lcodec batch s3://a/in s3://a/out --engine ray", "from store to store, on a cluster"),
    ),
    "view": (
        ("lcodec view photo.lic", "in the system's viewer"),
        ("lcodec view photo.lic --browser", "a page with zoom and file details"),
        ("lcodec view coded/", "thumbnails of a folder"),
    ),
    "inspect": (
        ("lcodec inspect photo.lic", "readable"),
        ("lcodec inspect coded/*.lic", "check many"),
        ("lcodec inspect photo.lic --json", "machine-readable"),
    ),
    "repack": (
        ("lcodec repack a.lic b.lic --model checkerboard", "same picture, other model"),
        ("lcodec repack - - --model checkerboard < a.lic > b.lic", "in a pipe"),
    ),
    "compare": (
        ("lcodec compare photo.png photo.lic photo.jpg", "measure two against the first"),
        ("lcodec compare photo.png photo.lic --html look.html", "a page to look at"),
    ),
    "bench": (
        ("lcodec bench --set kodak/", "the usual eight qualities"),
        ("lcodec bench --set kodak/ -q 30,60 --plot curve.png", "two qualities, with a plot"),
        ("lcodec bench --set kodak/ --json run.json", "save the figures"),
        ("lcodec bench --results run.json --html report.html", "make a page of them"),
    ),
    "compare-models": (
        ("lcodec compare-models --set kodak/", "all models at hand"),
        ("lcodec compare-models --set kodak/ -q 50 --limit 2", "a quick look"),
    ),
    "train": (
        ("lcodec train --data photos/ --run runs/a --minutes 90", "from scratch"),
        ("lcodec train --data photos/ --run runs/a --resume", "resume"),
        (
            "lcodec train --data photos/ --run runs/b --start runs/a --stage joint",
            "start from another run",
        ),
    ),
    "weights list": (
        ("lcodec weights list", "readable"),
        ("lcodec weights list --json", "machine-readable"),
        ("lcodec weights list --released", "all models ever released"),
    ),
    "weights verify": (
        ("lcodec weights verify", "all of them"),
        ("lcodec weights verify groupedmixer", "one model"),
    ),
    "weights add": (
        ("lcodec weights add 528d9541", "the model that an error named"),
        ("lcodec weights add lcodec/ --git 66f580a", "all models in a clone at a commit"),
        ("lcodec weights add lcodec-0.1.0-py3-none-any.whl", "all models in a wheel"),
    ),
    "weights export": (
        ("lcodec weights export runs/a mine", "then encode with --model mine"),
        ("lcodec weights export runs/a mine --models models/", "to a folder of your own"),
    ),
    "desktop install": (
        ("lcodec desktop install", "for you only"),
        ("lcodec desktop install --data /usr/local/share", "for all users, as root"),
    ),
    "desktop remove": (
        ("lcodec desktop remove", "for you only"),
        ("lcodec desktop remove --data /usr/local/share", "for all users, as root"),
    ),
    "desktop thumbnail": (
        ("lcodec desktop thumbnail 256 photo.lic small.png", "as file managers do"),
        ("lcodec desktop thumbnail 128 photo.lic - > small.png", "to standard output"),
    ),
    "man": (
        ("lcodec man", "all commands on one page"),
        ("lcodec man > lcodec.1", "its source"),
    ),
}
"""Example command lines by command, each with its purpose."""

STATUSES: dict[str, tuple[int, ...]] = {
    "encode": (0, 2, 3, 6, 8, 10),
    "decode": (0, 2, 3, 4, 5, 6, 7, 8, 11),
    "batch": (0, 1, 2, 3, 6, 8, 9),
    "view": (0, 2, 3, 4, 5, 6, 7),
    "inspect": (0, 2, 3, 4, 5),
    "repack": (0, 2, 3, 4, 5, 6, 7, 8),
    "compare": (0, 2, 3, 4, 6, 8),
    "bench": (0, 2, 3, 6, 8),
    "compare-models": (0, 2, 3, 6, 8),
    "train": (0, 2, 3, 8, 130),
    "weights list": (0, 6),
    "weights verify": (0, 6),
    "weights add": (0, 2, 6, 8),
    "weights export": (0, 2, 3, 6, 8),
    "desktop install": (0, 8),
    "desktop remove": (0, 8),
    "desktop thumbnail": (0, 2, 3, 4, 5, 6, 7, 8),
    "man": (0,),
}
"""The usual exit statuses of each command."""


def short_statuses(command: str) -> str:
    """The statuses of a command in a few words; "" if none are listed."""
    listed = STATUSES.get(command, ())
    return ", ".join(f"{status} {_EXITS[status].short}" for status in listed)
