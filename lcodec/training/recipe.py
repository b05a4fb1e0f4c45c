"""Recipes: the options of a run as a TOML file, and which of them a resumed run keeps.

Names are those of the command line's options without the leading dashes, and of the fields of
`TrainOptions` that have no option of their own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from lcodec.errors import InputError, UsageError
from lcodec.training.options import (
    BLOCKS,
    TrainOptions,
    as_given,
    as_shown,
    format_crops,
    option_name,
    parse_crops,
)
from lcodec.training.runinfo import has_averages_alone, load_info

Values = dict[str, Any]

SIZES: dict[str, type] = {
    "model": str,
    "depth": int,
    "channels": int,
    "slices": list,
    "tune": str,
    **dict.fromkeys(BLOCKS, int),
}
"""Options of a recipe for `lcodec.training.sizes.choose_sizes`, with their types."""

_RENAMED = {"steps": "max_steps"}
_NOT_SAID = {"run", "resume", "streams"}
_ONLY_KEPT = {"data", "device"}
"""Options of one machine: a run stores them, a recipe may not."""

_BUDGETS = {"minutes", "max_steps"}
"""Options of which a run has one."""

_ONLY_OF_LATENTS = ("latents", "latent_crops")
_WITHOUT_EFFECT = {
    "entropy": ("coded_rate", "looks"),
    "transforms": (*_ONLY_OF_LATENTS, "quantise_from"),
}
"""Options that do nothing, by stage."""

_GONE = ("split-rate", "scale-bound", "noise-pairs")
"""Options of older versions: runs that did not use them can still be resumed."""

_MAY_CHANGE = {
    *("minutes", "max_steps", "lr", "decay", "quantise_from", "crops", "save_minutes", "portable"),
    *("data", "device", "threads", "compile", "compile_blocks", "graph"),
}
"""Options that can change within a run: its schedule, where it runs and what is written.

All others stay as they were, and so do its sizes. ``data`` can change because pictures can be
moved; they have to be the same.
"""


def _types() -> dict[str, type]:
    hints = get_type_hints(TrainOptions)
    found: dict[str, type] = {}
    for field in fields(TrainOptions):
        if field.name == "crops":
            found["crops"] = str
        elif field.name not in _NOT_SAID:
            parts = [part for part in get_args(hints[field.name]) if part is not NoneType]
            found[field.name] = parts[0] if parts else hints[field.name]
    return found


def parse(values: Mapping[str, Any], where: str, kept: bool = False) -> Values:
    """Checked values by field of `TrainOptions` or name of `SIZES`.

    ``where`` is their source, for messages. With ``kept``, options that only runs store are
    allowed, too.

    Raises:
        UsageError: an unknown name, or a value of the wrong type.
    """
    types = {**_types(), **SIZES}
    found: Values = {}
    for name, value in values.items():
        field = _RENAMED.get(name, name.replace("-", "_"))
        if field not in types or (field in _ONLY_KEPT and not kept) or name in _RENAMED.values():
            raise UsageError(f"{where}: there is no option {name}")
        found[field] = _value(value, types[field], f"{where}: {name}")
        if field == "crops":
            found[field] = parse_crops(value)
    return found


def _value(value: Any, kind: type, where: str) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    of_kind = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not of_kind or (kind is list and any(type(number) is not int for number in value)):
        names = {
            bool: "true or false",
            int: "a whole number",
            float: "a number",
            list: "a list of whole numbers",
        }
        raise UsageError(f"{where}: {value!r} is not {names.get(kind, 'a string')}")
    return value


def read_recipe(path: Path) -> Values:
    """The options of a recipe.

    Raises:
        InputError: it cannot be read.
        UsageError: it is not TOML, or as for `parse`.
    """
    try:
        return parse(tomllib.loads(path.read_text("utf-8")), str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None


def parse_setting(text: str) -> Values:
    """Parse one option of a recipe, ``NAME=VALUE``; strings need no quotes.

    Raises:
        UsageError: the text has another form, or as for `parse`.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: expected NAME=VALUE")
    try:
        given = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        given = value
    return parse({name.strip(): given}, f"--set {text}")


def combined(below: Values, above: Values) -> Values:
    """The options ``above`` over those ``below``; a budget replaces one of the other kind.

    Raises:
        UsageError: ``above`` has budgets of both kinds.
    """
    given = above.keys() & _BUDGETS
    if given == _BUDGETS:
        raise UsageError("--minutes and --steps: a run has one budget")
    dropped = _BUDGETS - given if given else set()
    return {field: value for field, value in below.items() if field not in dropped} | above


def to_recipe(options: TrainOptions) -> dict[str, Any]:
    """Inverse of `parse`: the options by name, for ``run.json``."""
    said: dict[str, Any] = {}
    for field in _types():
        value = getattr(options, field)
        if field == "crops":
            value = format_crops(value)
        if value is not None:
            said[option_name(field)] = str(value) if isinstance(value, Path) else value
    return said


def kept_options(run: Path) -> Values:
    """The options of a run to be resumed.

    Raises:
        InputError: the folder is not a run, its file is damaged, or it does not have all that
            resuming takes: a mean of runs, portable weights, or a run from an older version.
    """
    info = load_info(run)
    if has_averages_alone(info):
        raise InputError(
            f"{run}: has averaged weights alone and cannot be resumed; use it with --start"
        )
    options = info.get("options")
    if "random" not in info or not isinstance(options, dict) or any(map(options.get, _GONE)):
        raise InputError(
            f"{run}: is from an older version and cannot be resumed; use it with --start"
        )
    known = {name: value for name, value in options.items() if name not in _GONE}
    return parse(known, f"{run}/run.json", kept=True)


def resumed_options(kept: Values, asked: Values) -> Values:
    """The options ``kept`` by a run, updated with those ``asked`` for when it is resumed.

    Raises:
        UsageError: an option that cannot change within a run is asked to change.
    """
    defaults = {field.name: field.default for field in fields(TrainOptions)}
    for field in (name for name in asked if name not in _MAY_CHANGE):
        own = kept.get(field, defaults[field])
        if asked[field] != own:
            option = as_given(field, asked[field])
            raise UsageError(f"{option}: the run has {as_shown(own)} and keeps it")
    return combined(kept, asked)


def check_effect(asked: Values, options: TrainOptions) -> None:
    """Check that all options ``asked`` for do something in a run of these ``options``.

    Raises:
        UsageError: one would be ignored.
    """
    if asked.get("fresh") and options.start is None:
        raise UsageError("--fresh: needs --start")
    for field in _WITHOUT_EFFECT.get(options.stage, _ONLY_OF_LATENTS):
        if asked.get(field) not in (None, getattr(TrainOptions, field)):
            option = as_given(field, asked[field])
            raise UsageError(f"{option}: does nothing in stage {options.stage}")
