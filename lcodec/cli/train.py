"""``lcodec train``: train on pictures, with options from a recipe or the command line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lcodec.cli import complete
from lcodec.cli.options import MESSAGES, NETWORKS, Device, QuietOption
from lcodec.cli.values import whole
from lcodec.errors import OutputError


@dataclass(frozen=True)
class Defaults:
    """The defaults of TrainOptions that the help states."""

    stage: str = "transforms"
    minutes: float = 60
    save_minutes: float = 5
    lr: float = 2.5e-3
    decay: float = 0.7
    latent_crops: int = 2000
    seed: int = 1


DEFAULTS = Defaults()

RUN, MODEL, SCHEDULE = "The run", "The model", "Schedule"


class Stage(StrEnum):
    """What is trained."""

    TRANSFORMS = "transforms"
    ENTROPY = "entropy"
    JOINT = "joint"
    DECODER = "decoder"


def train(
    run: Annotated[
        Path, typer.Option("--run", metavar="DIR", help="Folder of the run.", rich_help_panel=RUN)
    ],
    recipe: Annotated[
        Path | None,
        typer.Argument(
            metavar="RECIPE", help="TOML file of options; options given here override it."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="DIR", help="Folder or pack of pictures.", rich_help_panel=RUN
        ),
    ] = None,
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
        bool | None,
        typer.Option(
            "--fresh",
            help="Of the entropy model in --start, take only the hyper-synthesis.",
            rich_help_panel=RUN,
        ),
    ] = None,
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
            "--resume",
            help="Resume the run in --run, if there is one, with its options.",
            rich_help_panel=RUN,
        ),
    ] = False,
    save_minutes: Annotated[
        float | None,
        typer.Option(
            "--save-minutes",
            metavar="M",
            help=f"How often the run is saved; {DEFAULTS.save_minutes:g} if not given.",
            rich_help_panel=RUN,
        ),
    ] = None,
    portable: Annotated[
        Path | None,
        typer.Option(
            "--portable",
            metavar="DIR",
            help="Folder for averaged weights in small files, written whenever the run is saved.",
            rich_help_panel=RUN,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Set any recipe option; may be repeated.",
            rich_help_panel=RUN,
        ),
    ] = None,
    stage: Annotated[
        Stage | None,
        typer.Option(
            "--stage",
            metavar="STAGE",
            help=f"What is trained: {', '.join(Stage)}; {DEFAULTS.stage} if not given.",
            rich_help_panel=MODEL,
        ),
    ] = None,
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
            help="Number of its layers; as in the start if not given.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(
            "--channels",
            metavar="N",
            parser=whole(1),
            help="Number of latent channels, at least those of --start; as there if not given.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    latents: Annotated[
        Path | None,
        typer.Option(
            "--latents",
            metavar="FILE",
            help="Stage entropy: file of latents, created if missing.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    latent_crops: Annotated[
        int | None,
        typer.Option(
            "--latent-crops",
            metavar="N",
            parser=whole(2),
            help=f"Number of crops in a new file of latents; {DEFAULTS.latent_crops} if not given.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            metavar="M",
            help="Budget, over which the learning rate decays to 0; "
            f"{DEFAULTS.minutes:g} if not given.",
            rich_help_panel=SCHEDULE,
        ),
    ] = None,
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
        float | None,
        typer.Option(
            "--lr",
            metavar="R",
            help=f"Highest learning rate; {DEFAULTS.lr:g} if not given.",
            rich_help_panel=SCHEDULE,
        ),
    ] = None,
    decay: Annotated[
        float | None,
        typer.Option(
            "--decay",
            metavar="D",
            help=f"Share of the budget in which the rate decays; {DEFAULTS.decay:g} if not given.",
            rich_help_panel=SCHEDULE,
        ),
    ] = None,
    quantise_from: Annotated[
        float | None,
        typer.Option(
            "--quantise-from",
            metavar="SHARE",
            help="Share of the budget after which the entropy model rounds like its integers.",
            rich_help_panel=SCHEDULE,
        ),
    ] = None,
    crops: Annotated[
        str | None,
        typer.Option(
            "--crops",
            metavar="LIST",
            help="SHARE:COUNTxSIDE,...: from SHARE of the budget on, COUNT crops per step.",
            rich_help_panel=SCHEDULE,
        ),
    ] = None,
    tune: Annotated[
        str | None,
        typer.Option(
            "--tune",
            metavar="NAME",
            help="What to optimise for: visual or psnr; as --start if not given, else psnr.",
            rich_help_panel=SCHEDULE,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            help=f"Random seed; {DEFAULTS.seed} if not given.",
            rich_help_panel=SCHEDULE,
        ),
    ] = None,
    device: Annotated[
        Device | None,
        typer.Option(
            "--device",
            help="Where to train; auto, if not given, uses a GPU if there is one.",
            rich_help_panel=NETWORKS,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            metavar="N",
            parser=whole(1),
            help="Number of CPU threads; all cores if not given.",
            rich_help_panel=NETWORKS,
        ),
    ] = None,
    compile_: Annotated[
        bool | None,
        typer.Option("--compile", help="Use torch.compile.", rich_help_panel=NETWORKS),
    ] = None,
    compile_blocks: Annotated[
        bool | None,
        typer.Option(
            "--compile-blocks",
            help="Compile only the networks' blocks, which takes less time.",
            rich_help_panel=NETWORKS,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print progress reports as JSON on standard output, a line each.",
            rich_help_panel=MESSAGES,
        ),
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Train a model on pictures.

    Weights, averaged weights, a log and everything needed to resume are saved to the run's folder
    every few minutes, at the end, and when interrupted. `lcodec weights export` turns a run into a
    model.
    """
    given = {
        "data": data,
        "start": start,
        "fresh": fresh,
        "entropy": entropy,
        "save_minutes": save_minutes,
        "portable": portable,
        "stage": None if stage is None else stage.value,
        "model": model,
        "depth": depth,
        "channels": channels,
        "latents": latents,
        "latent_crops": latent_crops,
        "minutes": minutes,
        "max_steps": steps,
        "lr": lr,
        "decay": decay,
        "quantise_from": quantise_from,
        "tune": tune,
        "seed": seed,
        "device": None if device is None else device.value,
        "threads": threads,
        "compile": compile_,
        "compile_blocks": compile_blocks,
    }
    # Imported only now: no other command needs the trainer.
    from lcodec.cli.trainrun import gather_options, on_this_machine, train_run

    begun = (run / "run.json").exists()
    options, sizes = gather_options(recipe, settings or [], given, crops, run, begun and resume)
    if begun and not resume:
        raise OutputError(f"{run}: a run exists already; `--resume` goes on with it")

    from lcodec.training.sizes import choose_sizes

    options = on_this_machine(options)
    earlier, before = (run, None) if begun else (None, options.start)
    entropy_from = None if begun else options.entropy
    frozen = options.stage == "entropy"
    config = choose_sizes(earlier, before, entropy=entropy_from, frozen=frozen, **sizes)
    train_run(options, config, as_json, quiet)
