"""``lcodec weights``: the pretrained models."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from lcodec import weights
from lcodec.cli import complete, console, paths
from lcodec.cli.figures import exact
from lcodec.cli.help import Command, Group
from lcodec.cli.options import ForceOption, Networks, QuietOption
from lcodec.cli.tables import fitted
from lcodec.cli.values import whole
from lcodec.cli.waiting import waiting
from lcodec.errors import UsageError, WeightsError
from lcodec.plurals import counted

weights_app = typer.Typer(
    cls=Group, help="Pretrained models: list, check, add, export.", rich_markup_mode=None
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print a line of JSON for each.")]


@weights_app.command("list", cls=Command)
def list_models(
    released: Annotated[
        bool, typer.Option("--released", help="List all models ever released, at hand or not.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the models and where they are."""
    if released:
        _list_released(as_json)
        return
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
                    "id": weights.stated_id(model),
                }
            )
        return
    if not models:
        console.say("no models; looked in " + _places())
        return
    rows = [("model", "id", "size", "state", "folder")]
    for model in models:
        missing = len(model.missing())
        lack = f"{counted(missing, 'file')} missing"
        state = lack if missing else "complete"
        model_id = weights.stated_id(model) or "-"
        rows.append((model.name, model_id, exact(model.size), state, str(model.folder)))
    for line in fitted(rows, "llr"):
        console.emit(line)


def _list_released(as_json: bool) -> None:
    from lcodec.weights.catalogue import read_catalogue

    at_hand = {weights.stated_id(one) for one in weights.list_models() if not one.missing()}
    rows = [("id", "model", "generation", "version", "commit", "")]
    for one in read_catalogue():
        if as_json:
            console.emit_json(
                {
                    "id": one.model_id,
                    "model": one.name,
                    "generation": one.generation,
                    "version": one.version,
                    "commit": one.commit,
                    "bytes": one.size,
                    "at_hand": one.model_id in at_hand,
                }
            )
            continue
        here = "at hand" if one.model_id in at_hand else ""
        commit = (one.commit or "")[:10]
        rows.append((one.model_id, one.name, str(one.generation), one.version, commit, here))
    if not as_json:
        for line in fitted(rows, "llr"):
            console.emit(line)


@weights_app.command(cls=Command)
def add(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Folder, wheel, clone or URL to take models from, or the id of a model.",
        ),
    ],
    revision: Annotated[
        str | None,
        typer.Option(
            "--git", metavar="REV", help="Commit of the clone SOURCE to take models from."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="ID", help="Add only this model, given by id or name."),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Add released models that are missing.

    Files made with them can then be decoded. The models and their transforms go into the user's
    data folder. Every file is checked against the catalogue of released models; if one differs,
    nothing is added.
    """
    from lcodec.weights import add as adding
    from lcodec.weights.sources import open_source

    if not Path(source).exists() and adding.seems_id(source):
        raise WeightsError(
            f"{source}: no released model has this id; see `lcodec weights list --released`"
        )
    if Path(source).exists() or not adding.is_id(source):
        origin = open_source(source, revision)
    elif revision is not None or model is not None:
        raise UsageError(f"{source} is the id of a model: `--git` and `--model` do not apply")
    else:
        origin, model = adding.usual_source(source), source
    with closing(origin), waiting(shown=not quiet) as progress:
        added = adding.add(origin, adding.choose(origin, model), progress)
    for one in added:
        folder = one.place.folder.parent
        if as_json:
            console.emit_json(
                {
                    "id": one.released.model_id,
                    "model": one.released.name,
                    "generation": one.released.generation,
                    "bytes": one.released.size,
                    "folder": str(folder),
                    "fresh": one.fresh,
                }
            )
        if not quiet:
            fate = f"-> {folder}" if one.fresh else f"is in {folder} already"
            console.say(f"{one.released.reference}, {exact(one.released.size)} {fate}")


@weights_app.command(cls=Command)
def verify(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Check only this model.", autocompletion=complete.all_models
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check size and SHA-256 of the files of all models, or of one."""
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
    elif checks:
        rows = [("model", "file", "bytes", "state", "path")]
        rows += [
            (check.model, check.name, str(check.size), check.state.value, str(check.path))
            for check in checks
        ]
        for line in fitted(rows, "llr"):
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
            metavar="SOURCE",
            help="Folder or pack of pictures on which quality N should reach SSIMULACRA2 N; for"
            " tune visual.",
        ),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Keep the model that is replaced, of the same transforms, for its files.",
        ),
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option("--threads", metavar="N", parser=whole(1), help="Number of CPU threads."),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Make a model from a training run.

    An existing model of this name is replaced. The transforms go into a folder of their own,
    shared by all entropy models over them, with the scale of the quality levels. An entropy model
    over transforms that are there gets their scale; other runs of tune visual need --calibrate.
    Transforms or a scale that other models use are only replaced with -f; those models must then be
    exported again. The models folder is by default the first found of: $LCODEC_MODELS, the
    installed package, the checkout. All files are entered into its weights.lock, which lies beside
    a folder called "models", and inside one of any other name.
    """
    paths.check_folder(run)
    if calibrate is not None:
        paths.check_pictures(calibrate)
    folder = models or weights.default_folder()
    from lcodec.training.export import export_run

    Networks(threads=threads).prepare()
    files = export_run(run, folder, name, transforms, force, calibrate, keep)
    size = sum(file.size for file in files)
    console.say(f"{run} -> {folder / name}: {len(files)} files, {exact(size)}")


def _places() -> str:
    return ", ".join(str(place) for place in weights.search_places())
