"""Shared options as dataclasses: a command takes a group of options as one parameter.

    @spread
    def encode(files: Annotated[...], rate: Rate, networks: Networks) -> None: ...

The fields of a group are typer options, `Annotated` with a default. They take the place of the
group among the parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` with its groups replaced by their options, for typer."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    members = {name: [field.name for field in fields(hints[name])] for name in groups}
    parameters = []
    for own in signature(command).parameters.values():
        hint = hints[own.name]
        if own.name not in groups:
            parameters.append(own.replace(annotation=hint, kind=Parameter.KEYWORD_ONLY))
            continue
        types = get_type_hints(hint, include_extras=True)
        for field in fields(hint):
            parameters.append(
                Parameter(
                    field.name,
                    Parameter.KEYWORD_ONLY,
                    default=field.default,
                    annotation=types[field.name],
                )
            )

    @wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{own: given.pop(own) for own in members[name]})
        command(**given)

    del run.__wrapped__  # typer must see the new parameters only
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {own.name: own.annotation for own in parameters}
    return run
