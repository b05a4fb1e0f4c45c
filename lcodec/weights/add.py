"""Install released models in the user's data folder, where they are found like all others.

Each gets a folder of its own, with its transforms and a lock. It is assembled in a temporary folder
and compared with the catalogue, file by file; either all models asked for appear, or none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lcodec.errors import WeightsError
from lcodec.process.atomic import staging_folder
from lcodec.process.failures import unwritten
from lcodec.process.outputs import make_folder
from lcodec.process.progress import Progress
from lcodec.weights.catalogue import Released, find_released, read_catalogue
from lcodec.weights.howtoget import SOURCE_VARIABLE, shown_command
from lcodec.weights.lock import write_lock
from lcodec.weights.places import Place, added_folder, added_place, checkout
from lcodec.weights.sources import FolderSource, GitSource, Source, is_address, open_source
from lcodec.weights.state import FileState, file_state


@dataclass(frozen=True)
class Added:
    """A model that is in the data folder now; ``fresh`` if it was not there before."""

    released: Released
    place: Place
    fresh: bool


def add(source: Source, models: list[Released], progress: Progress) -> list[Added]:
    """Install released models from a source; the steps of ``progress`` are bytes.

    Raises:
        WeightsError: the source lacks a file, or has one that differs from the catalogue.
        OutputError: the data folder cannot be written.
    """
    places = [added_place(one.generation, one.model_id) for one in models]
    fresh = [not _is_sound(one, place) for one, place in zip(models, places, strict=True)]
    wanted = [one for one, new in zip(models, fresh, strict=True) if new]
    done, total = 0, sum(one.size for one in wanted)

    def moved(count: int) -> None:
        nonlocal done
        done += count
        progress("reading", min(done, total), total)

    if wanted:
        with _staging() as folder:
            for one in wanted:
                _collect(source, one, folder / one.model_id, moved)
            for one in wanted:
                target = added_place(one.generation, one.model_id).folder.parent
                if target.exists():
                    os.replace(target, folder / f"damaged-{one.model_id}")
                os.replace(folder / one.model_id, target)
    return [Added(*one) for one in zip(models, places, fresh, strict=True)]


def choose(source: Source, wanted: str | None) -> list[Released]:
    """The models to take from a source: by id, by ``name@id``, by name, or all it has.

    Raises:
        WeightsError: it has none of them, or, if all are wanted, one the catalogue does not know.
    """
    entry = None if wanted is None else find_released(_id_in(wanted))
    if entry is not None:
        return [entry]
    found, unknown = [], []
    for model_id in source.ids():
        entry = find_released(model_id)
        if entry is None:
            unknown.append(model_id)
        elif wanted in (None, entry.name):
            found.append(entry)
    if wanted is None and unknown:
        raise WeightsError(
            f"{source.name}: model {unknown[0]} is not in the catalogue of this version: not a"
            " released model, or one of a later lcodec"
        )
    if not found:
        raise WeightsError(f"{source.name}: no model{f' `{wanted}`' if wanted else 's'} there")
    return found


def is_id(text: str) -> bool:
    """Whether ``text`` is the id of a released model, or its ``name@id``."""
    return find_released(_id_in(text)) is not None


def seems_id(text: str) -> bool:
    """Whether ``text`` has the form of an id or of ``name@id``, but of no released model."""
    return bool(re.fullmatch(r"(?:[\w.-]+@)?[0-9a-f]{8}", text.lower())) and not is_id(text)


def _id_in(text: str) -> str:
    return text.rpartition("@")[2].lower()


def usual_source(wanted: str) -> Source:
    """The source if only a model's id is known: ``$LCODEC_WEIGHTS_FROM``, else this checkout.

    Raises:
        WeightsError: neither is there.
    """
    entry = next(one for one in read_catalogue() if one.model_id == _id_in(wanted))
    named = os.environ.get(SOURCE_VARIABLE)
    if named:
        return _with_history(named, entry)
    if (checkout() / ".git").exists():
        return _with_history(str(checkout()), entry)
    raise WeightsError(
        f"no source for {entry.reference} is known: set {SOURCE_VARIABLE}, or run"
        f" {shown_command(entry)}"
    )


def _with_history(text: str, entry: Released) -> Source:
    """A source; for a clone that now has another model, the commit that released this one."""
    if is_address(text):
        return open_source(text)
    source = open_source(os.path.expanduser(text))
    if not isinstance(source, FolderSource) or entry.model_id in source.ids():
        return source
    if entry.commit is None or not (Path(source.name) / ".git").exists():
        return source
    return GitSource(Path(source.name), entry.commit)


def _is_sound(released: Released, place: Place) -> bool:
    return place.lock.is_file() and all(
        file_state(file.located_in(place.folder), file) is FileState.OK for file in released.files
    )


def _collect(
    source: Source, released: Released, folder: Path, moved: Callable[[int], None]
) -> None:
    """Assemble a model in ``folder``."""
    place = Place(folder / "models", "new")
    for file in released.files:
        target = file.located_in(place.folder)
        make_folder(target.parent)
        source.save(released, file, target, moved)
        state = file_state(target, file)
        if state is not FileState.OK:
            raise WeightsError(
                f"{source.name}: {file.path} is not that of {released.reference} ({state});"
                " nothing was added"
            )
    write_lock(place.lock, released.files)


@contextmanager
def _staging() -> Iterator[Path]:
    """A temporary folder beside the places of added models.

    Raises:
        OutputError: it cannot be written.
    """
    base = added_folder()
    make_folder(base)
    try:
        with staging_folder(base, ".adding-") as folder:
            yield folder
    except OSError as error:
        raise unwritten(str(base), error) from error
