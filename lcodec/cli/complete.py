"""Shell completion; nothing here may fail or take long."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import redirect_stdout, suppress

from lcodec.cli.console import PROGRAM
from lcodec.errors import LcodecError, UsageError
from lcodec.region import SCALES
from lcodec.suffixes import LIC, READ_SUFFIXES, WRITE_SUFFIXES

VARIABLE = f"_{PROGRAM.upper()}_COMPLETE"
"""The variable by which a shell asks for completions, or for the completion script."""

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
_SHOW, _INSTALL = "--show-completion", "--install-completion"

_OFFERED = {
    # Other characters would need quoting, which these scripts do not do.
    "bash": re.compile(r"[\w.,/+@%~-]+"),
    "powershell": re.compile(r"[\w./\\:+%~-]+"),
    "pwsh": re.compile(r"[\w./\\:+%~-]+"),
    # The script evaluates its text, and its quoting can be undone by a backslash: a file name must
    # not become a command.
    "zsh": re.compile(r"[^\x00-\x1f\x7f\\'\"`$]+"),
    "fish": re.compile(r"[^\x00-\x1f\x7f]+"),
}
"""The paths that each shell can take over as they are."""


def models(incomplete: str) -> list[str]:
    """Models to code files with."""
    return _beginning(_models(), incomplete)


def all_models(incomplete: str) -> list[str]:
    """Everything that has weights, transforms among them."""
    from lcodec import weights

    try:
        return _beginning([model.name for model in weights.list_models()], incomplete)
    except LcodecError:
        return []


def model_lists(incomplete: str) -> list[str]:
    """Comma-separated models, with one more than typed so far."""
    before, comma, last = incomplete.rpartition(",")
    given = before.split(",")
    return [before + comma + name for name in models(last) if name not in given]


def picture_formats(incomplete: str) -> list[str]:
    """Formats of decoded pictures, by their suffixes."""
    return _beginning([suffix.removeprefix(".") for suffix in WRITE_SUFFIXES], incomplete)


def scales(incomplete: str) -> list[str]:
    """Scales of previews."""
    return _beginning([f"1/{scale}" for scale in SCALES if scale > 1], incomplete)


def lic_files(incomplete: str) -> list[str]:
    """Files that can be decoded, and folders."""
    return _files(incomplete, {LIC})


def pictures(incomplete: str) -> list[str]:
    """Files that can be encoded, and folders."""
    return _files(incomplete, READ_SUFFIXES)


def pictures_and_lic_files(incomplete: str) -> list[str]:
    """Files of any kind of picture, and folders."""
    return _files(incomplete, {LIC, *READ_SUFFIXES})


def _models() -> list[str]:
    from lcodec import weights

    try:
        return weights.coding_models()
    except LcodecError:
        return []


def _beginning(words: Iterable[str], start: str) -> list[str]:
    return sorted(word for word in words if word.startswith(start))


def _files(incomplete: str, suffixes: Collection[str]) -> list[str]:
    """Paths that begin as typed. If there are none, the shell falls back to all files."""
    head, name = os.path.split(incomplete)
    offered = _OFFERED.get(os.environ.get(VARIABLE, "").removeprefix("complete_"))
    folders, files = [], []
    try:
        with os.scandir(os.path.expanduser(head) or ".") as entries:
            for entry in entries:
                if not _fits(entry.name, name):
                    continue
                path = os.path.join(head, entry.name)
                if offered is not None and not offered.fullmatch(path):
                    continue
                if entry.is_dir():
                    folders.append(f"{path}/")
                elif os.path.splitext(entry.name)[1].lower() in suffixes:
                    files.append(path)
    except OSError:
        return []
    if len(folders) == 1 and not files:
        # Shells take a single answer for a complete word, so offer the folder's content instead.
        return _files(folders[0], suffixes)
    return sorted([*folders, *files])


def _fits(name: str, start: str) -> bool:
    hidden = name.startswith(".") and not start.startswith(".")
    return name.startswith(start) and not hidden


def asked_script(arguments: Sequence[str], detect: Callable[[], bool] | None = None) -> str | None:
    """The shell whose script is asked for by name; None leaves the arguments to typer.

    Typer accepts no shell name, and fails without a clear message if it cannot detect the shell.

    Raises:
        UsageError: the shell is unknown or cannot be detected.
    """
    if not arguments or arguments[0] not in (_SHOW, _INSTALL):
        return None
    if arguments[0] == _SHOW and len(arguments) > 1:
        if arguments[1] not in SHELLS:
            raise UsageError(f"{_SHOW} {arguments[1]}: known shells: {', '.join(SHELLS)}")
        return arguments[1]
    if not (detect or _shell_is_known)():
        raise UsageError(f"cannot tell which shell this is; try `{PROGRAM} {_SHOW} bash`")
    return None


def script(ask: Callable[[], object], shell: str) -> str:
    """The completion script for ``shell``; ``ask`` runs the program with `VARIABLE` set."""
    os.environ[VARIABLE] = f"source_{shell}"
    try:
        with redirect_stdout(io.StringIO()) as text, suppress(SystemExit):
            ask()
    finally:
        del os.environ[VARIABLE]
    return text.getvalue().strip()


def _shell_is_known() -> bool:
    try:
        import shellingham  # as typer does

        return shellingham.detect_shell()[0] in SHELLS
    except Exception:  # its own exceptions, or those of missing tools
        return False
