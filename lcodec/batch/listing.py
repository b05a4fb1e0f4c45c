"""The listing of a store for all files of a batch, so that none is asked for individually."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lcodec.batch.location import Location
from lcodec.batch.report import Stamp
from lcodec.batch.url import State, Url


@dataclass(frozen=True)
class Listed:
    """The known states of a source and its output, None if unknown; ``is_new``: no output."""

    stamp: Stamp | None = None
    output: State | None = None
    is_new: bool = False


@dataclass
class Listing:
    """Sources and, if the destination was listed, existing outputs.

    Each output is reported once: a second query is about what has happened since.
    """

    sources: Mapping[Url, State] = field(default_factory=dict)
    outputs: Mapping[Url, State] | None = None
    _told: set[Location] = field(default_factory=set)

    def take(self, source: Location, output: Location) -> Listed:
        """What was listed; nothing the second time."""
        local = not isinstance(source, Url) and not isinstance(output, Url)
        if local or output in self._told:
            return Listed()
        self._told.add(output)
        state = self.sources.get(source) if isinstance(source, Url) else None
        # Some stores, such as web servers, list names only.
        stamp = None if state is None or state.st_size is None else Stamp.of_state(state)
        if self.outputs is None or not isinstance(output, Url):
            return Listed(stamp)
        there = self.outputs.get(output)
        return Listed(stamp, there, is_new=there is None)
