"""Options that several commands share, as dataclasses: a command takes a group as one parameter.

    @spread
    def encode(files: Annotated[...], rate: Rate, networks: Networks) -> None: ...

The fields of a group are options as typer has them, `Annotated` with a default. On the command
line they stand where the group stands among the parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` with the options of its groups in their place, for typer."""
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

    del run.__wrapped__  # typer is to see the new parameters only
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {own.name: own.annotation for own in parameters}
    return run
