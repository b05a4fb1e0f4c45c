"""What a listing of a store told of all the files of a batch, so that none is asked for alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lcodec.batch.location import Location
from lcodec.batch.report import Stamp
from lcodec.batch.url import State, Url


@dataclass(frozen=True)
class Listed:
    """What is known of a source and its output: None where nothing is; ``is_new``: no output."""

    stamp: Stamp | None = None
    output: State | None = None
    is_new: bool = False


@dataclass
class Listing:
    """Sources and, if the destination was listed, the outputs that are there.

    It tells of every output once: who asks again wants to know what has happened since.
    """

    sources: Mapping[Url, State] = field(default_factory=dict)
    outputs: Mapping[Url, State] | None = None
    _told: set[Location] = field(default_factory=set)

    def take(self, source: Location, output: Location) -> Listed:
        """What was listed, nothing at the second time."""
        local = not isinstance(source, Url) and not isinstance(output, Url)
        if local or output in self._told:
            return Listed()
        self._told.add(output)
        state = self.sources.get(source) if isinstance(source, Url) else None
        # Some list names alone, as web servers do.
        stamp = None if state is None or state.st_size is None else Stamp.of_state(state)
        if self.outputs is None or not isinstance(output, Url):
            return Listed(stamp)
        there = self.outputs.get(output)
        return Listed(stamp, there, is_new=there is None)
