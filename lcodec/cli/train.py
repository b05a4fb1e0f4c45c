"""``lcodec train``: training on a folder of pictures, for a given time."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from lcodec.cli import complete, console
from lcodec.cli.options import MESSAGES, NETWORKS, Device, DeviceOption, QuietOption, whole
from lcodec.errors import InputError, OutputError, UsageError

CropSchedule = tuple[tuple[float, int, int], ...]

WEIGHTS = ("run.json", "config.json")
"""One of them is in every folder that a run can start from."""

RUN, MODEL, SCHEDULE = "The run", "The model", "Schedule"


class Stage(StrEnum):
    """What is trained."""

    TRANSFORMS = "transforms"
    ENTROPY = "entropy"
    JOINT = "joint"


def train(
    data: Annotated[
        Path,
        typer.Option(
            "--data", metavar="DIR", help="Folder or pack of pictures.", rich_help_panel=RUN
        ),
    ],
    run: Annotated[
        Path, typer.Option("--run", metavar="DIR", help="Folder of the run.", rich_help_panel=RUN)
    ],
    start: Annotated[
        Path | None,
        typer.Option(
            "--start",
            metavar="DIR",
            help="Run or released model to start from.",
            rich_help_panel=RUN,
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="Take no more of the entropy model in --start than its hyper-synthesis.",
            rich_help_panel=RUN,
        ),
    ] = False,
    entropy: Annotated[
        Path | None,
        typer.Option(
            "--entropy",
            metavar="DIR",
            help="Run or released model to take the rest of the entropy model from.",
            rich_help_panel=RUN,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the run in --run if there is one.", rich_help_panel=RUN
        ),
    ] = False,
    stage: Annotated[
        Stage, typer.Option("--stage", help="What is trained.", rich_help_panel=MODEL)
    ] = Stage.TRANSFORMS,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            autocompletion=complete.models,
            help="Entropy model; as --entropy or --start if not given.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            "--depth",
            metavar="N",
            parser=whole(1),
            help="Its layers; those it starts from if not given.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(
            "--channels",
            metavar="N",
            parser=whole(1),
            help="Latent channels; those of --start if not given, or more.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    latents: Annotated[
        Path | None,
        typer.Option(
            "--latents",
            metavar="FILE",
            help="Stage entropy: file of latents, made if it is not there.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    latent_crops: Annotated[
        int,
        typer.Option(
            "--latent-crops",
            metavar="N",
            parser=whole(2),
            help="Crops in that file when it is made.",
            rich_help_panel=MODEL,
        ),
    ] = 2000,
    minutes: Annotated[
        float,
        typer.Option(
            "--minutes",
            metavar="M",
            help="Budget; the learning rate falls to 0 within it.",
            rich_help_panel=SCHEDULE,
        ),
    ] = 60.0,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            metavar="N",
            parser=whole(1),
            help="Budget in steps instead of minutes.",
            rich_help_panel=SCHEDULE,
        ),
    ] = None,
    lr: Annotated[
        float,
        typer.Option("--lr", metavar="R", help="Highest learning rate.", rich_help_panel=SCHEDULE),
    ] = 2.5e-3,
    decay: Annotated[
        float,
        typer.Option(
            "--decay",
            metavar="D",
            help="Last share of the budget, in which the rate falls.",
            rich_help_panel=SCHEDULE,
        ),
    ] = 0.7,
    quantise_from: Annotated[
        float,
        typer.Option(
            "--quantise-from",
            metavar="SHARE",
            help="Share of the budget from which on the entropy model rounds like its integers.",
            rich_help_panel=SCHEDULE,
        ),
    ] = 0.0,
    crops: Annotated[
        str,
        typer.Option(
            "--crops",
            metavar="LIST",
            help="SHARE:COUNTxSIDE,...: from that share of the budget on, COUNT crops a step.",
            rich_help_panel=SCHEDULE,
        ),
    ] = "0:8x128,0.2:8x256",
    tune: Annotated[
        str | None,
        typer.Option(
            "--tune",
            metavar="NAME",
            help="What counts: visual or psnr; as --start if not given, else psnr.",
            rich_help_panel=SCHEDULE,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", metavar="N", help="Seed of everything random.", rich_help_panel=SCHEDULE
        ),
    ] = 1,
    device: DeviceOption = Device.AUTO,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            metavar="N",
            parser=whole(1),
            help="CPU threads; all if not given.",
            rich_help_panel=NETWORKS,
        ),
    ] = None,
    compile_: Annotated[
        bool, typer.Option("--compile", help="Use torch.compile.", rich_help_panel=NETWORKS)
    ] = False,
    compile_blocks: Annotated[
        bool,
        typer.Option(
            "--compile-blocks",
            help="Compile the networks' blocks only, which is over sooner.",
            rich_help_panel=NETWORKS,
        ),
    ] = False,
    portable: Annotated[
        Path | None,
        typer.Option(
            "--portable",
            metavar="DIR",
            help="Folder for the averaged weights in small files, each time the run is saved.",
            rich_help_panel=RUN,
        ),
    ] = None,
    save_minutes: Annotated[
        float,
        typer.Option(
            "--save-minutes",
            metavar="M",
            help="How often the run is saved.",
            rich_help_panel=RUN,
        ),
    ] = 5.0,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print reports as lines of JSON on standard output.",
            rich_help_panel=MESSAGES,
        ),
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Train a model on a folder of pictures.

    The run's folder gets weights, averaged weights, the optimiser's state and a log, every few
    minutes and at the end or when interrupted. `lcodec weights export` makes a model of it.
    """
    schedule = parse_crops(crops)
    _check(
        data,
        run,
        start,
        entropy,
        fresh=fresh,
        minutes=minutes,
        save_minutes=save_minutes,
        lr=lr,
        decay=decay,
        quantise_from=quantise_from,
        resume=resume,
    )

    import torch

    from lcodec.training.options import TrainOptions
    from lcodec.training.sizes import choose_sizes
    from lcodec.training.trainer import Trainer
    from lcodec.weights.load import choose_device

    if threads is not None:
        torch.set_num_threads(threads)
    kind = choose_device(device.value).type
    streams = 1
    if kind == "cpu" and not compile_:
        streams = min(torch.get_num_threads(), *(count for _, count, _ in schedule))
    options = TrainOptions(
        data=data,
        run=run,
        stage=stage.value,
        minutes=minutes,
        max_steps=steps,
        start=start,
        fresh=fresh,
        entropy=entropy,
        lr=lr,
        decay=decay,
        quantise_from=quantise_from,
        crops=schedule,
        seed=seed,
        device=kind,
        compile=compile_,
        compile_blocks=compile_blocks,
        gather=kind == "cuda",
        graph=kind == "cuda",
        save_minutes=save_minutes,
        portable=portable,
        streams=streams,
        latents=latents,
        latent_crops=latent_crops,
        resume=resume,
    )
    earlier = run if resume and (run / "run.json").exists() else None
    config = choose_sizes(
        earlier, start, entropy=entropy, model=model, depth=depth, channels=channels, tune=tune
    )
    trainer = Trainer(options, config, _reporter(as_json, quiet))
    try:
        trainer.run()
    except (KeyboardInterrupt, SystemExit):
        trainer.save()
        console.say(f"{run}: saved after {trainer.steps} steps; `--resume` goes on")
        raise
    if not quiet:
        console.say(f"{run}: {trainer.steps} steps, {trainer.skipped} skipped")


def parse_crops(text: str) -> CropSchedule:
    """The schedule (share of the budget, crops a step, side in pixels) of "0:12x128,0.35:8x256".

    Raises:
        UsageError: of another form, shares that do not rise from 0 to below 1, or a side that is
            no multiple of 64.
    """
    try:
        schedule = tuple(_crop(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--crops {text}: SHARE:COUNTxSIDE with commas is needed") from None
    shares = [share for share, _, _ in schedule]
    if shares[0] != 0 or shares != sorted(set(shares)) or not shares[-1] < 1:
        raise UsageError(f"--crops {text}: shares must rise from 0 and stay below 1")
    if any(count < 1 or side < 64 or side % 64 for _, count, side in schedule):
        raise UsageError(f"--crops {text}: counts from 1 and sides in multiples of 64 are needed")
    return schedule


def _crop(text: str) -> tuple[float, int, int]:
    share, _, rest = text.partition(":")
    count, _, side = rest.partition("x")
    return float(share), int(count), int(side)


def _check(
    data: Path,
    run: Path,
    start: Path | None,
    entropy: Path | None,
    *,
    fresh: bool,
    minutes: float,
    save_minutes: float,
    lr: float,
    decay: float,
    quantise_from: float,
    resume: bool,
) -> None:
    """Refuse what can be seen to be wrong before anything slow is imported."""
    above_zero = {"--minutes": minutes, "--save-minutes": save_minutes, "--lr": lr}
    for name, value in {**above_zero, "--decay": decay}.items():
        if not (math.isfinite(value) and value > 0):
            raise UsageError(f"{name} {value}: must be above 0")
    if decay > 1:
        raise UsageError(f"--decay {decay}: must be at most 1")
    if not 0 <= quantise_from < 1:
        raise UsageError(f"--quantise-from {quantise_from}: must lie from 0 to below 1")
    if entropy is not None and (start is None or fresh):
        raise UsageError("--entropy: needs --start for the transforms, and no --fresh")
    if start is not None and resume and (run / "run.json").exists():
        raise UsageError("--start and --resume exclude each other: the run has begun")
    if not data.exists():
        raise InputError(f"{data}: no such folder or pack")
    for folder in (start, entropy):
        if folder is not None and not any((folder / f).is_file() for f in WEIGHTS):
            raise InputError(f"{folder}: is not the folder of a run or of a released model")
    if (run / "run.json").exists() and not resume:
        raise OutputError(f"{run}: holds a run already; `--resume` goes on with it")


def _reporter(as_json: bool, quiet: bool) -> Callable[[dict[str, Any]], None]:
    shown = sys.stderr.isatty() and not quiet

    def report(entry: dict[str, Any]) -> None:
        if as_json:
            console.emit_json({key: _finite(value) for key, value in entry.items()})
        event = entry.get("event")
        if event == "skipped":
            count = f"{entry['count']} step{'s' if entry['count'] > 1 else ''}"
            console.fail(f"warning: {count} up to {entry['step']} not finite: changed nothing")
        elif event == "fresh":
            console.fail(f"warning: {len(entry['tensors'])} tensors start afresh")
        elif shown:
            console.say("  ".join(f"{key} {value}" for key, value in entry.items()))

    return report


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
