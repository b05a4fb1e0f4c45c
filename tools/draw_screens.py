#!/usr/bin/env python3
"""Draw screens that no run has trained on, for measuring codecs.

    python tools/draw_screens.py screens [--count 12] [--pictures photographs]
    lcodec bench --set screens --against avif444

The same fonts give the same screens. Photographs, if given, appear in some windows.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from lcodec.errors import LcodecError
from lcodec.training.data import HELD_OUT
from lcodec.training.pictures import load_pictures
from lcodec.training.screens import SIDES, draw_screens


def main(words: Sequence[str] | None = None) -> None:
    """Draw the screens and write them as PNG."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--pictures", type=Path, help="folder or pack of photographs")
    options = parser.parse_args(words)
    try:
        photographs = load_pictures(options.pictures) if options.pictures else []
        screens = draw_screens(options.count, HELD_OUT, SIDES, photographs)
    except LcodecError as error:
        parser.exit(error.exit_code, f"{parser.prog}: {error}\n")
    options.folder.mkdir(parents=True, exist_ok=True)
    for number, screen in enumerate(screens):
        Image.fromarray(screen).save(options.folder / f"screen-{number:03d}.png", optimize=True)


if __name__ == "__main__":
    main()
