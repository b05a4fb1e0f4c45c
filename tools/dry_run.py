"""Pack, train for two minutes, export and measure: all steps of making weights, once.

    python tools/dry_run.py pictures --start models/groupedmixer --folder dry --set kodak

``pack.zip``, the run, its portable weights, and the exported models go into the folder. Options
after ``--`` go to `lcodec train`, such as ``-- --device cuda --minutes 1``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lcodec.bench import find_pictures
from lcodec.errors import InputError
from lcodec.training.start import read_sizes
from lcodec.tunes import TuneName

ROOT = Path(__file__).resolve().parents[1]
NAME = "dry"
PICTURES = 4  # measured pictures of the set


def commands(options: argparse.Namespace) -> list[list[str]]:
    """The command lines, in order; raises InputError if there are no pictures to measure."""
    folder: Path = options.folder
    pack, run, small = folder / "pack.zip", folder / "run", folder / "small"
    lcodec, tools = [sys.executable, "-m", "lcodec"], ROOT / "tools"
    train = [*lcodec, "train", str(ROOT / "recipes" / "dry-run.toml"), "--data", str(pack)]
    train += ["--run", str(run), "--start", str(options.start), "--portable", str(small)]
    export = [*lcodec, "weights", "export", str(small), NAME, "--models", str(folder / "models")]
    export += ["--transforms", f"{NAME}-transforms"]
    if tune_of(options) != TuneName.PSNR:
        export += ["--calibrate", str(pack)]
    estimate = [sys.executable, str(tools / "estimate.py"), str(options.start), str(small)]
    estimate += ["--set", str(options.set), "--integers"]
    estimate += ["--only", ",".join(path.stem for path in find_pictures(options.set)[:PICTURES])]
    return [
        [sys.executable, str(tools / "pack_pictures.py"), str(options.pictures), str(pack)],
        [*train, *options.rest],
        export,
        estimate,
    ]


def tune_of(options: argparse.Namespace) -> str:
    """The tune of the run: that of `lcodec train`, or that of what it starts from."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--tune")
    told: str | None = parser.parse_known_args(options.rest)[0].tune
    return told or read_sizes(options.start).tune


def main(words: Sequence[str]) -> None:
    """Run all commands, printing each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--start", type=Path, required=True, help="run or released model")
    parser.add_argument("--folder", type=Path, required=True, help="folder for all outputs")
    parser.add_argument("--set", type=Path, required=True, help="folder of pictures to measure")
    end = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:end])
    options.rest = list(words[end + 1 :])
    try:
        lines = commands(options)
    except InputError as error:
        parser.error(str(error))
    options.folder.mkdir(parents=True, exist_ok=True)
    for command in lines:
        print("$", *command, flush=True)
        status = subprocess.run(command).returncode
        if status:
            sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
