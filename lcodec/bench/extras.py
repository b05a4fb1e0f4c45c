"""Modules of the optional extra ``lcodec[bench]``, imported when first needed."""

from __future__ import annotations

import importlib
from types import ModuleType

from lcodec.errors import UsageError


class MissingExtraError(UsageError):
    """A package of the extra is not installed; the message names the pip command."""


def require(module: str, purpose: str) -> ModuleType:
    """Import ``module``; ``purpose`` says in the message what needs it.

    Raises:
        MissingExtraError: its package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:
            raise
        raise MissingExtraError(
            f"{purpose} needs {package}: pip install 'lcodec[bench]'"
        ) from error
