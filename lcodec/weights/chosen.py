"""Which model to encode with, by its name or by a tune. Standard library only."""

from __future__ import annotations

from lcodec.errors import UsageError
from lcodec.tunes import DEFAULT_TUNE, default_model, parse_tune
from lcodec.weights.find import require_model
from lcodec.weights.info import stated_tune


def chosen_model(name: str | None = None, tune: str | None = None) -> str:
    """The model of that name or, if there is none, that of the tune.

    Raises:
        UsageError: there is no such tune, the model is of another one, or it is no name.
        WeightsError: both are given, and the model is missing.
    """
    if not isinstance(name, str | None):
        raise UsageError(f"a model is given by its name, not by {name!r}")
    if not name:
        return default_model(DEFAULT_TUNE if tune is None else tune)
    if tune is not None:
        wanted, own = parse_tune(tune), stated_tune(require_model(name))
        if own != wanted:
            raise UsageError(
                f"tune `{wanted}` and model `{name}`, which is of tune `{own}`, cannot be combined"
            )
    return name
