"""Train entropy models one after another on the same latents, and show their rates.

    python tools/train_entropy.py --data pictures --start models/groupedmixer --runs runs/entropy \\
        --minutes 12 checkerboard groupedmixer groupedmixer-inner:8 [-- OPTIONS OF lcodec train]

``NAME:DEPTH`` sets another number of layers. With ``--steps`` instead of ``--minutes`` all get the
same number of steps, however long these take. With ``--from models``, models in that folder start
from their weights there, whatever their transforms. Finished runs are kept, so the same command
resumes where it was stopped. Rates are bits per pixel of held-out crops, with the rounding of the
integers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REFERENCE = "checkerboard"


@dataclass(frozen=True)
class Run:
    """A finished run: its rates in bits per pixel over time, the last one last."""

    name: str
    steps: int
    minutes: float
    rates: list[float]


def is_over(folder: Path, minutes: float | None, steps: int | None) -> bool:
    """Whether a run has used up its budget of minutes or steps."""
    if not (folder / "run.json").is_file():
        return False
    info = json.loads((folder / "run.json").read_text())
    if steps is not None:
        return bool(info["steps"] >= steps)
    return minutes is not None and bool(info["elapsed"] >= 60 * minutes)


def train(name: str, options: argparse.Namespace) -> None:
    """Train one model, or resume it, with `lcodec train`."""
    model, _, depth = name.partition(":")
    folder = options.runs / name.replace(":", "-")
    if is_over(folder, options.minutes, options.steps):
        return
    command = [sys.executable, "-m", "lcodec", "train", "--stage", "entropy", "--model", model]
    command += ["--data", str(options.data), "--run", str(folder)]
    command += ["--latents", str(options.runs / "latents.safetensors")]
    if options.steps is not None:
        command += ["--steps", str(options.steps)]
    else:
        command += ["--minutes", str(options.minutes)]
    command += options.rest
    command += ["--depth", depth] if depth else []
    begun = (folder / "run.json").is_file()
    command += ["--resume"] if begun else ["--start", str(options.start)]
    if not begun and options.earlier is not None and (options.earlier / model).is_dir():
        command += ["--entropy", str(options.earlier / model)]
    subprocess.run(command, check=True)


def read_run(folder: Path, name: str) -> Run:
    """The figures of a run."""
    info = json.loads((folder / "run.json").read_text())
    entries = [json.loads(line) for line in (folder / "log.ndjson").read_text().splitlines()]
    rates = [entry["bpp"] for entry in entries if entry.get("event") == "validation"]
    return Run(name, info["steps"], info["elapsed"] / 60, rates)


def table(runs: list[Run]) -> str:
    """Markdown: final rates, relative to the reference, and the gain in the last quarter."""
    reference = next((run.rates[-1] for run in runs if run.name == REFERENCE), None)
    lines = ["| model | steps | minutes | bpp | against checkerboard | last quarter |"]
    lines.append("|---|---:|---:|---:|---:|---:|")
    for run in sorted(runs, key=lambda run: run.rates[-1]):
        last = run.rates[-1]
        earlier = run.rates[len(run.rates) * 3 // 4 - 1] if len(run.rates) > 3 else run.rates[0]
        against = f"{100 * (last / reference - 1):+.2f} %" if reference else ""
        gain = f"{100 * (last / earlier - 1):+.2f} %"
        figures = f"{run.steps} | {run.minutes:.1f} | {last:.4f} | {against} | {gain}"
        lines.append(f"| {run.name} | {figures} |")
    return "\n".join(lines)


def main(words: list[str]) -> None:
    """Train the models, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", metavar="NAME[:DEPTH]")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--start", type=Path, required=True, help="run or model whose transforms to use"
    )
    parser.add_argument("--from", dest="earlier", type=Path, help="folder of earlier releases")
    parser.add_argument("--runs", type=Path, required=True, help="folder for runs and latents")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="budget of each model")
    budget.add_argument("--steps", type=int, help="budget of each model")
    end = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:end])
    options.rest = words[end + 1 :]
    options.runs.mkdir(parents=True, exist_ok=True)
    for name in options.names:
        train(name, options)
    runs = [read_run(options.runs / name.replace(":", "-"), name) for name in options.names]
    print(table(runs))


if __name__ == "__main__":
    main(sys.argv[1:])
