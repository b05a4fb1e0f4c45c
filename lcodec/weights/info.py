"""A model as a lock lists it, and what its configuration states. Standard library only."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lcodec.tunes import TuneName
from lcodec.weights.lock import LockedFile, is_model_name
from lcodec.weights.places import Place
from lcodec.weights.stored import CONFIG_LIMIT, parse_object, read_small

CONFIG_NAME = "config.json"
EARLIER = "earlier"
"""The key of a configuration under which is what differs in earlier releases."""
UNTOLD_TUNE = TuneName.PSNR
"""The tune of models whose configuration names none."""
_ID = re.compile(r"[0-9a-f]{8}")
_EARLIER = re.compile(r"entropy-([0-9a-f]{8})\.safetensors")


@dataclass(frozen=True)
class ModelInfo:
    """A model that a lock lists: its files, and the place it is taken from.

    ``name`` is how it is asked for: by its own name, or ``name@id``. ``earlier`` is the id, in
    hexadecimal, of the earlier release that is meant, if it is one; see `with_earlier`.
    """

    name: str
    files: tuple[LockedFile, ...]
    place: Place
    earlier: str | None = None

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.place.folder / self.files[0].model

    @property
    def size(self) -> int:
        """Bytes of all its files, as the lock says."""
        return sum(file.size for file in self.files)

    def missing(self) -> list[LockedFile]:
        """Its files that are not there."""
        return [f for f in self.files if not f.located_in(self.place.folder).is_file()]


def stated(model: ModelInfo) -> dict[str, Any]:
    """What a model's configuration states; empty if it cannot be read."""
    return _config_in(model.folder)


def _config_in(folder: Path) -> dict[str, Any]:
    try:
        return parse_object(read_small(folder / CONFIG_NAME, CONFIG_LIMIT))
    except (OSError, ValueError):
        return {}


def stated_id(model: ModelInfo) -> str | None:
    """The id, in hexadecimal, that a model's configuration states; None if it cannot be read."""
    if model.earlier:
        return model.earlier
    found = stated(model).get("model_id")
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def earlier_entropy(model_id: str) -> str:
    """The file of the entropy model of an earlier release, given by its id in hexadecimal."""
    return f"entropy-{model_id}.safetensors"


def with_earlier(model: ModelInfo) -> list[ModelInfo]:
    """The model without the files of earlier releases in its folder, and then those releases.

    A model that has been released again over the same transforms, with another entropy model or
    scale of levels, may keep what it was before, so that files made with that need nothing more to
    be decoded. Its entropy model is told by the name of its file, `earlier_entropy`; sizes of that
    and scale are in the configuration under `EARLIER`, by id, and matter only when it is loaded.
    """
    kept = {file: found[1] for file in model.files if (found := _EARLIER.fullmatch(file.name))}
    own = tuple(file for file in model.files if file not in kept)
    if not own:
        return [model]
    shared = tuple(file for file in own if file.name == CONFIG_NAME)
    earlier = (
        replace(model, files=(*shared, file), earlier=model_id) for file, model_id in kept.items()
    )
    return [replace(model, files=own), *earlier]


def stated_transforms(model: ModelInfo) -> str | None:
    """The name of a model's transforms by its configuration; None if it cannot be read."""
    found = stated(model).get("transforms")
    return found if isinstance(found, str) and is_model_name(found) else None


def stated_tune(model: ModelInfo) -> str:
    """The tune that the transforms of a model were trained for, by their configuration.

    A configuration that cannot be read counts as one of the first, which state none; loading the
    model reports it.
    """
    shared = stated_transforms(model)
    tune = _config_in(model.folder.parent / shared).get("tune") if shared else None
    return tune if isinstance(tune, str) else UNTOLD_TUNE
