"""Find the model that a name or an id means, and check its files against its lock.

A model comes from the first place (`lcodec.weights.places`) whose lock lists it and which has all
of its files; no file is used whose size or SHA-256 differs. If several models have one name, the
others are reached as ``name@id``, with the model id in hexadecimal. Standard library only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from lcodec.errors import WeightsError
from lcodec.suggest import did_you_mean
from lcodec.weights.howtoget import how_to_get
from lcodec.weights.info import ModelInfo, stated_id, stated_transforms, with_earlier
from lcodec.weights.lock import (
    LOCK_NAME,
    LockedFile,
    check_model_name,
    read_lock,
)
from lcodec.weights.places import Place, search_places
from lcodec.weights.state import FileState, file_state, read_file

ENTROPY_NAME = "entropy.safetensors"


@dataclass(frozen=True)
class FileCheck:
    """One file of a model after checking; ``name`` is its path inside the model's folder."""

    model: str
    name: str
    size: int
    state: FileState
    path: Path


def list_models(*, damaged: bool = False) -> list[ModelInfo]:
    """All models listed in any lock, by name, whether or not their files are there.

    Models hidden behind another one of the same name are listed as ``name@id``. With ``damaged``,
    damaged locks are ignored.

    Raises:
        WeightsError: a lock is damaged.
    """
    models = _listed_models(damaged)
    found: dict[str, ModelInfo] = {}
    for model in models:
        own, model_id = model.files[0].model, stated_id(model)
        first = found.setdefault(own, _choose(own, models)[0])
        if model_id and model_id != stated_id(first):
            name = _exact(model, model_id)
            found.setdefault(name, _choose(name, models)[0])
    return [found[name] for name in sorted(found)]


def coding_models() -> list[str]:
    """Names of the models that files can be coded with, because all of their files are there.

    Models that only ``name@id`` reaches are left out: they are kept to decode their own files.

    Raises:
        WeightsError: a lock is damaged.
    """
    return [
        model.name
        for model in list_models()
        if any(file.name == ENTROPY_NAME for file in model.files)
        and "@" not in model.name
        and not model.missing()
    ]


def comparable_models() -> list[str]:
    """The `coding_models` over the transforms that most of them share.

    Raises:
        WeightsError: a lock is damaged.
    """
    models = [find_model(name) for name in coding_models()]
    shared = [(model.place, stated_transforms(model)) for model in models]
    if not shared:
        return []
    most = Counter(shared).most_common(1)[0][0]
    return [model.name for model, over in zip(models, shared, strict=True) if over == most]


def siblings(name: str) -> list[str]:
    """The other `coding_models` over the transforms of model ``name``.

    Raises:
        WeightsError: a lock is damaged, or there is no such model.
    """
    own = find_model(name)
    over = (own.place, stated_transforms(own))
    others = [find_model(other) for other in coding_models() if other != name]
    return [model.name for model in others if (model.place, stated_transforms(model)) == over]


def find_model(name: str) -> ModelInfo:
    """The model ``name``, or ``name@id``, where it would be loaded from; its files are not read.

    If no place has all of its files, it is that of the first place that lists it.

    Raises:
        UsageError: ``name`` cannot name a model.
        WeightsError: no lock lists it, or a lock is damaged.
    """
    own, _, model_id = name.partition("@")
    check_model_name(own)
    found = _choose(name, _listed_models(damaged=bool(model_id)))
    if found:
        return found[0]
    known = coding_models()
    hint = did_you_mean(name, known)
    raise WeightsError(
        f"model `{name}`: not found{how_to_get(model_id)}"
        f"{f'{hint} At' if hint else '; at'} hand:"
        f" {', '.join(known) or 'none'}; looked in {_search_report(own)}"
    )


def _choose(name: str, models: list[ModelInfo]) -> list[ModelInfo]:
    """Those of ``models`` that ``name`` can mean, complete ones first."""
    own, at, model_id = name.partition("@")
    found = [
        replace(model, name=name)
        for model in models
        if model.files[0].model == own
        and (stated_id(model) == model_id if at else model.earlier is None)
    ]
    return sorted(found, key=lambda model: bool(model.missing()))


def require_model(name: str) -> ModelInfo:
    """`find_model`, but all files must be there; they are still not read.

    Raises:
        UsageError, WeightsError: as `find_model`, or naming the first missing file.
    """
    return _whole(find_model(name))


def _whole(model: ModelInfo) -> ModelInfo:
    missing = model.missing()
    if missing:
        raise WeightsError(
            f"model `{model.name}`: {missing[0].name} is missing; looked in "
            f"{_search_report(missing[0].model)}"
        )
    return model


def find_model_by_id(model_id: bytes) -> ModelInfo:
    """The model whose weights a ``.lic`` file with ``model_id`` in its header was made with.

    The id is taken from the model's configuration and nothing else is read; when the weights are
    loaded they must be checked against it.

    Raises:
        WeightsError: no model at hand has this id, or it lacks a file. For a model that was ever
            released, the message has the command that gets it.
    """
    others = 0
    # An id means one model and no other, so damage elsewhere does not matter.
    for model in list_models(damaged=True):
        found = stated_id(model)
        if found == model_id.hex():
            return _whole(model if not _damage() else replace(model, name=_exact(model, found)))
        others += found is not None
    get = how_to_get(model_id.hex())
    if get:
        raise WeightsError(get.removeprefix("; "))
    places = ", ".join(str(place) for place in search_places())
    raise WeightsError(
        f"no model with id {model_id.hex()}: this version knows none, and it is none of the"
        f" {others} at hand (`lcodec weights list`); looked in {places}{_damage()}"
    )


def _exact(model: ModelInfo, model_id: str) -> str:
    """The unambiguous name of a model."""
    return f"{model.files[0].model}@{model_id}"


def _damage() -> str:
    """What is wrong with locks, to be added to a message."""
    found = []
    for place in search_places():
        try:
            _listed(place)
        except WeightsError as error:
            found.append(str(error))
    return "".join(f"; {problem}" for problem in found)


def at_hand(model_id: str) -> ModelInfo | None:
    """The model of an id in hexadecimal, if all its files are there.

    Damaged locks are ignored.
    """
    models = (model for model in list_models(damaged=True) if stated_id(model) == model_id)
    return next((model for model in models if not model.missing()), None)


def read_model_files(model: str | ModelInfo) -> dict[str, bytes]:
    """Contents of all files of a model by their names in its folder, checked against the lock.

    Each is read once, so that what is hashed is what is used.

    Raises:
        UsageError: ``model`` cannot name a model.
        WeightsError: the model or a file is missing, or a file has another size or SHA-256; the
            message names the model, the file and every place looked at.
    """
    return _contents(require_model(model) if isinstance(model, str) else model)


def read_files_beside(model: ModelInfo, name: str) -> dict[str, bytes]:
    """`read_model_files` of another model of the same place, such as its transforms.

    Raises:
        WeightsError: as `read_model_files`.
    """
    files = tuple(file for file in _listed(model.place) if file.model == name)
    beside = ModelInfo(name, files, model.place)
    missing = beside.missing()
    if not files or missing:
        lacking = missing[0].path if missing else f"`{name}`"
        raise WeightsError(f"model `{model.name}`: needs {lacking}, not found in {model.place}")
    return _contents(beside)


def _contents(model: ModelInfo) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    for file in model.files:
        state, data = read_file(file.located_in(model.place.folder), file)
        if state is not FileState.OK:
            raise WeightsError(
                f"model `{model.name}`: {file.name} is not the file that {model.place.lock} lists"
                f" ({state}); looked in {_search_report(file.model)}"
            )
        contents[file.name] = data
    return contents


def verify(name: str | None = None) -> list[FileCheck]:
    """Check every file of every model, or of one, where it would be loaded from.

    For models that were added, the files of their transforms are checked, too.

    Raises:
        UsageError, WeightsError: as `find_model`. A bad file is a result, not an error.
    """
    models = list_models() if name is None else [find_model(name)]
    return [
        _check(model, file)
        for model in models
        for file in (_listed(model.place) if model.place.added else model.files)
    ]


def _check(model: ModelInfo, file: LockedFile) -> FileCheck:
    path = file.located_in(model.place.folder)
    own = file.model == model.files[0].model
    name = file.name if own else f"{file.model}/{file.name}"
    return FileCheck(model.name, name, file.size, file_state(path, file), path)


def _listed_models(damaged: bool = False) -> list[ModelInfo]:
    """Every model of every place in order; from the place of an added model, only that one.

    Each is followed by its earlier releases, if it keeps any.

    Places with damaged locks are left out if they may be ``damaged``, and if they were made by
    adding a model, which is only there to be found by its id.
    """
    models = []
    for place in search_places():
        try:
            files = _listed(place)
        except WeightsError:
            if not damaged and place.added is None:
                raise
            continue
        for name in dict.fromkeys(file.model for file in files):
            model = ModelInfo(name, tuple(f for f in files if f.model == name), place)
            if place.added is None or stated_id(model) == place.added:
                models += with_earlier(model)
    return models


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
        where = "in" if place.lock.parent == place.folder else "beside"
        return f"no {LOCK_NAME} {where} it"
    try:
        files = [file for file in _listed(place) if file.model == name]
    except WeightsError:
        return f"{place.lock.name} is damaged"
    if not files:
        return f"not in {place.lock.name}"
    missing = ModelInfo(name, tuple(files), place).missing()
    return f"lacks {', '.join(file.name for file in missing)}" if missing else "all files there"
