"""What became of each picture of a batch, and of all of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from lcodec.errors import LcodecError


class Status(StrEnum):
    """What became of one picture."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """One picture after its turn.

    Attributes:
        source: the picture, or a folder that could not be read.
        output: its ``.lic`` file, None for a folder.
        status: done, skipped (the output is there already) or failed.
        error: why it failed, one line; ``code`` is the exit status `lcodec encode` would give.
        width, height: size in pixels, of a finished picture.
        bytes: size of the output of a finished picture.
        seconds: time its turn took.
        notes: what of the picture the output does not hold.
    """

    source: Path
    output: Path | None
    status: Status
    error: str | None = None
    code: int = 0
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def bpp(self) -> float | None:
        """Bits per pixel of the output of a finished picture."""
        if self.bytes is None or self.width is None or self.height is None:
            return None
        return 8 * self.bytes / (self.width * self.height)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what is not known is left out."""
        record: dict[str, Any] = asdict(self) | {
            "source": str(self.source),
            "output": None if self.output is None else str(self.output),
            "status": self.status.value,
            "bpp": self.bpp,
            "notes": list(self.notes),
        }
        return {key: value for key, value in record.items() if value is not None}


def failure(source: Path, output: Path | None, error: Exception, seconds: float = 0.0) -> Outcome:
    """The outcome of a picture whose turn ended with ``error``."""
    if isinstance(error, LcodecError):
        message, code = str(error), error.exit_code
    else:
        message, code = f"unexpected {type(error).__name__}: {error}", LcodecError.exit_code
    message = " ".join(message.split())
    return Outcome(source, output, Status.FAILED, error=message, code=code, seconds=seconds)


@dataclass(frozen=True)
class Report:
    """All outcomes, in the order of the work."""

    outcomes: tuple[Outcome, ...]

    @property
    def done(self) -> list[Outcome]:
        """Pictures encoded now."""
        return self._with(Status.DONE)

    @property
    def skipped(self) -> list[Outcome]:
        """Pictures whose output was there already."""
        return self._with(Status.SKIPPED)

    @property
    def failed(self) -> list[Outcome]:
        """Pictures, and folders, that failed."""
        return self._with(Status.FAILED)

    def _with(self, status: Status) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status is status]
