"""``lcodec weights``: the pretrained models at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lcodec import weights
from lcodec.cli import complete, console
from lcodec.cli.help import Command, Group
from lcodec.cli.options import ForceOption
from lcodec.errors import InputError, WeightsError

weights_app = typer.Typer(
    cls=Group, help="Pretrained models: list, check, export.", rich_markup_mode=None
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print a line of JSON each.")]


@weights_app.command("list", cls=Command)
def list_models(as_json: JsonOption = False) -> None:
    """List the models and where they are."""
    models = weights.list_models()
    if as_json:
        for model in models:
            console.emit_json(
                {
                    "model": model.name,
                    "files": [file.name for file in model.files],
                    "missing": [file.name for file in model.missing()],
                    "bytes": model.size,
                    "folder": str(model.place.folder),
                }
            )
        return
    rows = [
        (
            model.name,
            f"{model.size} bytes",
            f"{len(model.missing())} files missing" if model.missing() else "complete",
            str(model.place.folder / model.name),
        )
        for model in models
    ]
    for line in console.align(rows, "lr"):
        console.emit(line)
    if not models:
        console.say("no models; looked in " + _places())


@weights_app.command(cls=Command)
def verify(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="One model only.", autocompletion=complete.all_models),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check size and SHA-256 of every file of every model, or of one."""
    checks = weights.verify(name)
    if as_json:
        for check in checks:
            console.emit_json(
                {
                    "model": check.model,
                    "file": check.name,
                    "bytes": check.size,
                    "state": check.state.value,
                    "path": str(check.path),
                }
            )
    else:
        rows = [
            (check.model, check.name, str(check.size), check.state.value, str(check.path))
            for check in checks
        ]
        for line in console.align(rows, "llr"):
            console.emit(line)
    if not checks:
        raise WeightsError("no models; looked in " + _places())
    bad = [check for check in checks if check.state is not weights.FileState.OK]
    if bad:
        raise WeightsError(f"{len(bad)} of {len(checks)} files are missing or wrong")


@weights_app.command(cls=Command)
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a training run.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the model.")],
    models: Annotated[
        Path | None,
        typer.Option("--models", metavar="DIR", help="Folder of models to write to."),
    ] = None,
    transforms: Annotated[
        str, typer.Option("--transforms", metavar="NAME", help="Name of the transforms.")
    ] = "transforms",
    calibrate: Annotated[
        Path | None,
        typer.Option(
            "--calibrate",
            metavar="DIR",
            help="Pictures on which quality N is to reach SSIMULACRA2 N; for tune visual.",
        ),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Make a model of a training run.

    A model of this name is replaced. The transforms go to a folder of their own, for all entropy
    models over them; those that other models use are only replaced with -f, and these models must
    then be made anew. All files are entered into the weights.lock beside the folder of models,
    which is the first one found: $LCODEC_MODELS, the installed package, the checkout.
    """
    if not run.is_dir():
        raise InputError(f"{run}: no such folder")
    if calibrate is not None and not calibrate.is_dir():
        raise InputError(f"{calibrate}: no such folder")
    folder = models or weights.default_folder()
    from lcodec.training.export import export_run

    files = export_run(run, folder, name, transforms, force, calibrate)
    size = sum(file.size for file in files)
    console.say(f"{run} -> {folder / name}: {len(files)} files, {size} bytes")


def _places() -> str:
    return ", ".join(str(place) for place in weights.search_places())
