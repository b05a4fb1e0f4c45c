"""The options of ``lcodec train``, and the report at the end of a run."""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcodec import weights
from lcodec.cli import console, paths
from lcodec.cli.options import Device
from lcodec.errors import InputError, LcodecError, UsageError
from lcodec.plurals import counted
from lcodec.process.locks import own_folder
from lcodec.training import recipe as recipes
from lcodec.training.options import TrainOptions, parse_crops
from lcodec.tunes import TuneName

if TYPE_CHECKING:
    from lcodec.training.trainer import Trainer
    from lcodec.weights.config import ModelConfig
    from lcodec.weights.load import StoredConfig

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
        conclude(trainer, config)


def conclude(trainer: Trainer, sizes: ModelConfig) -> None:
    """Report how a run of these sizes ended, and what to do next."""
    options = trainer.options
    loss = "" if trainer.loss is None else f", loss {trainer.loss:.4f}"
    console.say(f"{options.run}: {trainer.steps} steps, {trainer.skipped} skipped{loss}")
    console.say(f"next: {shlex.join(export_command(options, sizes))}")


def export_command(options: TrainOptions, sizes: ModelConfig) -> list[str]:
    """The command that makes a model of a run, beside what is there already.

    An entropy model joins those over the transforms that it was trained over.
    """
    from lcodec.training.export import TRANSFORMS_NAME
    from lcodec.weights.load import TRANSFORMS_FILE

    name = re.sub(r"[^A-Za-z0-9_.-]", "-", options.run.resolve().name).lstrip("_.-") or "model"
    command = ["lcodec", "weights", "export", str(options.run)]
    models = usual = weights.default_folder().resolve()
    over = _transforms_of_start(options, sizes)
    if over is not None and options.start is not None:
        models = options.start.resolve().parent
    if (models / name / TRANSFORMS_FILE).exists():
        name += "-model"
    command.append(name)
    if over is None:
        command += ["--transforms", f"{name}-transforms"]
        return (
            command if sizes.tune == TuneName.PSNR else [*command, "--calibrate", str(options.data)]
        )
    if models != usual:
        command += ["--models", str(models)]
    if over != TRANSFORMS_NAME:
        command += ["--transforms", over]
    there = _released(models / name)
    kind = sizes.entropy.kind
    if there is not None and (there.transforms, there.sizes.entropy.kind) == (over, kind):
        command.append("--keep")
    return command


def _released(folder: Path | None) -> StoredConfig | None:
    """The configuration of the released model in a folder, if there is one."""
    from lcodec.weights.load import read_config

    try:
        return None if folder is None else read_config(folder.resolve())
    except LcodecError:
        return None


def _transforms_of_start(options: TrainOptions, sizes: ModelConfig) -> str | None:
    """The name of the released transforms that a run was trained over and has the scale of."""
    start = _released(options.start)
    if start is None or options.start is None or options.stage != "entropy":
        return None
    there = start.sizes
    own = (sizes.transforms, sizes.tune, sizes.reach)
    alike = (there.transforms, there.tune, there.reach) == own
    has_scale = bool(there.scale) or there.tune == TuneName.PSNR
    # Those of the first layout are in the folder of the model.
    apart = start.transforms != options.start.resolve().name
    return start.transforms if alike and has_scale and apart else None


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
