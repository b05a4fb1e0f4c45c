"""Where the pretrained models lie, and whether their files are the ones ``weights.lock`` names.

A folder of models is looked for in this order: ``$LCODEC_MODELS``, ``models`` inside the
installed package, ``models`` beside the package (a checkout). Each has its lock beside it. A model
comes from the first place whose lock lists it and which has all of its files; nothing is ever
taken from a file whose size or SHA-256 differs. Standard library only.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lcodec.errors import WeightsError
from lcodec.suggest import did_you_mean
from lcodec.tunes import TuneName
from lcodec.weights.lock import (
    FOLDER_NAME,
    LOCK_NAME,
    LockedFile,
    check_model_name,
    read_lock,
    sha256_of,
)

ENVIRONMENT = "LCODEC_MODELS"
CONFIG_NAME = "config.json"
ENTROPY_NAME = "entropy.safetensors"
UNTOLD_TUNE = TuneName.PSNR
"""The tune of models whose configuration names none."""


@dataclass(frozen=True)
class Place:
    """A folder that may hold models, and why it is looked at."""

    folder: Path
    origin: str

    @property
    def lock(self) -> Path:
        """The lock that belongs to the folder."""
        return self.folder.parent / LOCK_NAME

    def __str__(self) -> str:
        return f"{self.folder} ({self.origin})"


@dataclass(frozen=True)
class ModelInfo:
    """A model some lock lists: its files, and the place it is taken from."""

    name: str
    files: tuple[LockedFile, ...]
    place: Place

    @property
    def size(self) -> int:
        """Bytes of all its files, as the lock says."""
        return sum(file.size for file in self.files)

    def missing(self) -> list[LockedFile]:
        """Its files that are not there."""
        return [f for f in self.files if not f.located_in(self.place.folder).is_file()]


class FileState(StrEnum):
    """What checking a file found."""

    OK = "ok"
    MISSING = "missing"
    WRONG_SIZE = "wrong size"
    WRONG_HASH = "wrong hash"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class FileCheck:
    """One file of a model after checking; ``name`` is its path inside the model's folder."""

    model: str
    name: str
    size: int
    state: FileState
    path: Path


def search_places() -> tuple[Place, ...]:
    """The places models are looked for, in order."""
    package = Path(__file__).resolve().parents[1]
    places = [
        Place(package / FOLDER_NAME, "installed package"),
        Place(package.parent / FOLDER_NAME, "checkout"),
    ]
    chosen = os.environ.get(ENVIRONMENT)
    if chosen:
        places.insert(0, Place(Path(chosen).expanduser().absolute(), f"${ENVIRONMENT}"))
    return tuple(places)


def default_folder() -> Path:
    """The folder new models go to: the first place that exists, else the last one."""
    places = search_places()
    if os.environ.get(ENVIRONMENT):
        return places[0].folder
    return next((p.folder for p in places if p.folder.is_dir()), places[-1].folder)


def list_models() -> list[ModelInfo]:
    """All models listed in any lock, by name, whether or not their files are there.

    Raises:
        WeightsError: a lock is damaged.
    """
    names = {file.model for place in search_places() for file in _listed(place)}
    return [find_model(name) for name in sorted(names)]


def coding_models() -> list[str]:
    """Names of the models that files can be coded with: all of their files are there.

    Raises:
        WeightsError: a lock is damaged.
    """
    return [
        model.name
        for model in list_models()
        if any(file.name == ENTROPY_NAME for file in model.files) and not model.missing()
    ]


def find_model(name: str) -> ModelInfo:
    """The model ``name`` where it would be loaded from; its files are not read.

    If no place has all of its files, the first place that lists it is given.

    Raises:
        UsageError: ``name`` cannot name a model.
        WeightsError: no lock lists it, or a lock is damaged.
    """
    check_model_name(name)
    found: list[ModelInfo] = []
    for place in search_places():
        files = tuple(file for file in _listed(place) if file.model == name)
        if files:
            found.append(ModelInfo(name, files, place))
            if not found[-1].missing():
                return found[-1]
    if not found:
        known = coding_models()
        hint = did_you_mean(name, known)
        raise WeightsError(
            f"model `{name}`: not found{f'{hint} At' if hint else '; at'} hand:"
            f" {', '.join(known) or 'none'}; looked in {_search_report(name)}"
        )
    return found[0]


def require_model(name: str) -> ModelInfo:
    """`find_model`, but all files must be there; they are still not read.

    Raises:
        UsageError, WeightsError: as `find_model`, or naming the first missing file.
    """
    model = find_model(name)
    missing = model.missing()
    if missing:
        raise WeightsError(
            f"model `{name}`: {missing[0].name} is missing; looked in {_search_report(name)}"
        )
    return model


def find_model_by_id(model_id: bytes) -> ModelInfo:
    """The model whose weights a ``.lic`` file with ``model_id`` in its header was made with.

    The id is taken from the model's configuration and nothing else is read; whoever loads the
    weights must check that they have it.

    Raises:
        WeightsError: no model at hand has this id, or it lacks a file.
    """
    known: list[str] = []
    for model in list_models():
        found = stated_id(model)
        if found == model_id.hex():
            return require_model(model.name)
        known.append(f"`{model.name}` {found or 'without id'}")
    places = ", ".join(str(place) for place in search_places())
    raise WeightsError(
        f"no model with id {model_id.hex()}; at hand: {', '.join(known) or 'none'};"
        f" looked in {places}"
    )


def stated_id(model: ModelInfo) -> str | None:
    """The id, in hexadecimal, that a model's configuration states; None if it cannot be read."""
    try:
        config = json.loads((model.place.folder / model.name / CONFIG_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    stated = config.get("model_id") if isinstance(config, dict) else None
    return stated if isinstance(stated, str) else None


def stated_tune(model: ModelInfo) -> str:
    """The tune that the transforms of a model were trained for, by their configuration.

    A configuration that cannot be read is told of by whoever loads the model; here it counts as
    one of the first, which did not say.
    """
    shared = stated_transforms(model)
    if shared is None:
        return UNTOLD_TUNE
    try:
        config = json.loads((model.place.folder / shared / CONFIG_NAME).read_bytes())
        return str(config.get("tune", UNTOLD_TUNE))
    except (OSError, ValueError, AttributeError):
        return UNTOLD_TUNE


def stated_transforms(model: ModelInfo) -> str | None:
    """The name of the transforms that a model is over; None if that cannot be read."""
    try:
        config = json.loads((model.place.folder / model.name / CONFIG_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    stated = config.get("transforms") if isinstance(config, dict) else None
    return stated if isinstance(stated, str) else None


def comparable_models() -> list[str]:
    """The models that files can be coded with over the transforms that most of them share.

    Raises:
        WeightsError: a lock is damaged.
    """
    over: dict[str | None, list[str]] = {}
    for name in coding_models():
        over.setdefault(stated_transforms(find_model(name)), []).append(name)
    return max(over.values(), key=len, default=[])


def load_model_files(name: str) -> dict[str, Path]:
    """Paths of all files of a model by their names in its folder, each checked just now.

    Raises:
        UsageError: ``name`` cannot name a model.
        WeightsError: the model or a file is missing, or a file has another size or SHA-256; the
            message names the model, the file and every place looked at.
    """
    model = require_model(name)
    paths: dict[str, Path] = {}
    for file in model.files:
        check = _check(model, file)
        if check.state is not FileState.OK:
            raise WeightsError(
                f"model `{name}`: {file.name} is not the file that {model.place.lock} lists"
                f" ({check.state}); looked in {_search_report(name)}"
            )
        paths[file.name] = check.path
    return paths


def verify(name: str | None = None) -> list[FileCheck]:
    """Check every file of every model, or of one, where it would be loaded from.

    Raises:
        UsageError, WeightsError: as `find_model`. A bad file is a result, not an error.
    """
    models = list_models() if name is None else [find_model(name)]
    return [_check(model, file) for model in models for file in model.files]


def _check(model: ModelInfo, file: LockedFile) -> FileCheck:
    path = file.located_in(model.place.folder)
    return FileCheck(model.name, file.name, file.size, _state(path, file), path)


def _state(path: Path, file: LockedFile) -> FileState:
    try:
        if path.stat().st_size != file.size:
            return FileState.WRONG_SIZE
        return FileState.OK if sha256_of(path) == file.sha256 else FileState.WRONG_HASH
    except FileNotFoundError:
        return FileState.MISSING
    except OSError:
        return FileState.UNREADABLE


def _listed(place: Place) -> tuple[LockedFile, ...]:
    try:
        return read_lock(place.lock)
    except FileNotFoundError:
        return ()


def _search_report(name: str) -> str:
    """Every place in order, each with what was found there."""
    return ", ".join(f"{place}: {_finding(place, name)}" for place in search_places())


def _finding(place: Place, name: str) -> str:
    if not place.lock.exists():
        return f"no {LOCK_NAME} beside it"
    files = [file for file in _listed(place) if file.model == name]
    if not files:
        return f"not in {place.lock.name}"
    missing = ModelInfo(name, tuple(files), place).missing()
    return f"lacks {', '.join(file.name for file in missing)}" if missing else "all files there"
