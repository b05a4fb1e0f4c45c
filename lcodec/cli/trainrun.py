"""The options of ``lcodec train``, and the report at the end of a run."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcodec.cli import console, paths
from lcodec.cli.options import Device
from lcodec.errors import InputError, UsageError
from lcodec.plurals import counted
from lcodec.process.locks import own_folder
from lcodec.training import recipe as recipes
from lcodec.training.options import TrainOptions, parse_crops

if TYPE_CHECKING:
    from lcodec.training.trainer import Trainer
    from lcodec.weights.config import ModelConfig

WEIGHTS = ("run.json", "config.json")
"""A folder that a run can start from has one of these."""


def gather_options(
    recipe: Path | None,
    settings: list[str],
    given: dict[str, Any],
    crops: str | None,
    run: Path,
    resumed: bool,
) -> tuple[TrainOptions, dict[str, Any]]:
    """The options of the run and the sizes asked for; imports nothing slow."""
    asked = {} if recipe is None else recipes.combined({}, recipes.read_recipe(recipe))
    for text in settings:
        asked = recipes.combined(asked, recipes.parse_setting(text))
    named = {field: value for field, value in given.items() if value is not None}
    asked = recipes.combined(asked, named)
    if crops is not None:
        asked["crops"] = parse_crops(crops)
    sizes = {name: asked.pop(name, None) for name in recipes.SIZES}
    said = asked
    if resumed:
        asked = recipes.resumed_options(recipes.kept_options(run), asked)
    if "data" not in asked:
        raise UsageError("--data is missing: give a folder or a pack of pictures")
    options = TrainOptions(**{"device": Device.AUTO.value, **asked}, run=run, resume=resumed)
    options.check()
    recipes.check_effect(said, options)
    paths.check_pictures(options.data)
    for folder in () if resumed else (options.start, options.entropy):
        if folder is not None and not any((folder / f).is_file() for f in WEIGHTS):
            raise InputError(f"{folder}: is not the folder of a run or a released model")
    return options, sizes


def on_this_machine(options: TrainOptions) -> TrainOptions:
    """The options with device and threads set; a GPU by default gathers crops and uses graphs."""
    import torch

    from lcodec.weights.load import choose_device

    if options.threads is not None:
        torch.set_num_threads(options.threads)
    kind = choose_device(options.device).type
    streams = 1
    if kind == "cpu" and not options.compile:
        streams = min(torch.get_num_threads(), *(count for _, count, _ in options.crops))
    gpu = kind == "cuda"
    if options.graph and not gpu:
        raise UsageError("--set graph=true: needs a GPU")
    return replace(
        options,
        device=kind,
        streams=streams,
        gather=gpu if options.gather is None else options.gather,
        graph=gpu if options.graph is None else options.graph,
    )


def train_run(options: TrainOptions, config: ModelConfig, as_json: bool, quiet: bool) -> None:
    """Train, and say what was saved and what to do next; the run's folder is ours meanwhile."""
    from lcodec.training.trainer import Trainer

    run = options.run
    with own_folder(run):
        trainer = Trainer(options, config, reporter(as_json, quiet))
        try:
            trainer.run()
        except (KeyboardInterrupt, SystemExit):
            if trainer.saved:
                console.say(f"{run}: saved after {counted(trainer.saved, 'step')}")
                again = ["lcodec", "train", "--run", str(run), "--resume"]
                console.say(f"next: {shlex.join(again)}")
            else:
                console.say(f"{run}: nothing is saved yet")
            raise
    if not quiet:
        conclude(trainer)


def conclude(trainer: Trainer) -> None:
    """Report how the run ended, and what to do next."""
    options = trainer.options
    loss = "" if trainer.loss is None else f", loss {trainer.loss:.4f}"
    console.say(f"{options.run}: {trainer.steps} steps, {trainer.skipped} skipped{loss}")
    name = options.run.resolve().name
    command = ["lcodec", "weights", "export", str(options.run), name]
    if options.stage != "entropy":
        command += ["--transforms", f"{name}-transforms"]  # keeps those of other models
    console.say(f"next: {shlex.join(command)}")


def reporter(as_json: bool, quiet: bool) -> Callable[[dict[str, Any]], None]:
    shown = sys.stderr.isatty() and not quiet

    def report(entry: dict[str, Any]) -> None:
        if as_json:
            console.emit_json({key: _finite(value) for key, value in entry.items()})
        event = entry.get("event")
        if event == "skipped":
            count = counted(entry["count"], "step")
            console.fail(f"warning: {count} up to {entry['step']} not finite: skipped")
        elif event == "fresh":
            console.fail(f"warning: {len(entry['tensors'])} tensors start from scratch")
        elif shown:
            console.say("  ".join(f"{key} {value}" for key, value in entry.items()))

    return report


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
