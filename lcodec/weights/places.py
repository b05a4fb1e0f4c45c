"""The folders where models are looked for.

In this order: ``$LCODEC_MODELS``, ``models`` inside the installed package, ``models`` beside the
package (a checkout), and what `lcodec weights add` put into the user's data folder, one folder for
each model, those of the latest generation first. Each has its lock, see
`lcodec.weights.lock`. Standard library only.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from lcodec.errors import OutputError
from lcodec.process.datafolder import data_folder
from lcodec.weights.lock import FOLDER_NAME, lock_of

ENVIRONMENT = "LCODEC_MODELS"

_ADDED = re.compile(r"([0-9]{1,6})-([0-9a-f]{8})")


@dataclass(frozen=True)
class Place:
    """A folder that may hold models, and why it is searched.

    ``added`` is the model id, in hexadecimal, for which the folder was made; None for places that
    were not made by adding a model.
    """

    folder: Path
    origin: str
    added: str | None = None

    @property
    def lock(self) -> Path:
        """The lock that belongs to the folder."""
        return lock_of(self.folder)

    def __str__(self) -> str:
        return f"{self.folder} ({self.origin})"


def search_places() -> tuple[Place, ...]:
    """The places models are looked for, in order."""
    return (*_shipped_places(), *_added_places())


def checkout() -> Path:
    """The folder that holds the package: the root of a checkout, if it is run from one."""
    return Path(__file__).resolve().parents[2]


def _shipped_places() -> list[Place]:
    places = [
        Place(checkout() / "lcodec" / FOLDER_NAME, "installed package"),
        Place(checkout() / FOLDER_NAME, "checkout"),
    ]
    chosen = os.environ.get(ENVIRONMENT)
    if chosen:
        places.insert(0, Place(Path(os.path.expanduser(chosen)).absolute(), f"${ENVIRONMENT}"))
    return places


def default_folder() -> Path:
    """The folder new models go to: the first place that exists, else the checkout."""
    places = _shipped_places()
    if os.environ.get(ENVIRONMENT):
        return places[0].folder
    return next((p.folder for p in places if p.folder.is_dir()), places[-1].folder)


def added_folder() -> Path:
    """Where added models are: ``lcodec/weights`` in the user's data folder.

    Raises:
        OutputError: there is no such folder.
    """
    return data_folder() / "lcodec" / "weights"


def added_place(generation: int, model_id: str) -> Place:
    """The place of an added model, whether or not it exists."""
    folder = added_folder() / f"{generation}-{model_id}" / FOLDER_NAME
    return Place(folder, "added", model_id)


def _added_places() -> list[Place]:
    try:
        names = os.listdir(added_folder())
    except (OSError, OutputError):
        return []
    found = [match for name in names if (match := _ADDED.fullmatch(name))]
    found.sort(key=lambda match: (-int(match[1]), match[2]))
    return [added_place(int(match[1]), match[2]) for match in found]
