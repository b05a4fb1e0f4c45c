"""The output of ``lcodec batch``: lines, records, progress and the totals at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from typing import TypeVar

import typer

from lcodec.batch.check import Decision
from lcodec.batch.location import Location
from lcodec.batch.manifest import Manifest
from lcodec.batch.report import Outcome, Report, Status
from lcodec.batch.search import kinds
from lcodec.cli import console, figures
from lcodec.cli.details import Details, growth, metadata_share
from lcodec.cli.options import Messages
from lcodec.cli.waiting import Bar, waiting
from lcodec.errors import Exit
from lcodec.plurals import counted
from lcodec.suffixes import HEIF_SUFFIXES, READ_SUFFIXES

FILE_COST = 1 << 15
"""Pixels that take about as long as the fixed cost of a file."""

Item = TypeVar("Item")


class View:
    """Shows outcomes one by one.

    ``name`` is the name of the batch in messages, ``verb`` what it does with a file ("encode");
    ``hint`` is appended to the message that nothing was found.
    """

    def __init__(
        self,
        name: str,
        verb: str,
        *,
        manifest: Manifest | None,
        messages: Messages,
    ) -> None:
        self.report = Report()
        self.hint = ""
        self._details = Details(messages.verbose)
        self._name = name
        self._verb = verb
        self._manifest = manifest
        self._messages = messages
        self._start = time.perf_counter()
        self._advance: Callable[[Outcome], None] = lambda outcome: None

    def __call__(self, outcome: Outcome) -> None:
        """Record an outcome and show it."""
        self.report.add(outcome)
        if self._manifest and outcome.status is not Status.PLANNED:
            self._manifest.write(outcome)
        self._messages.record(outcome.to_dict())
        if outcome.status is Status.PLANNED and not self._messages.as_json:
            way = f"{outcome.source} -> {outcome.output}"
            console.emit(console.on_one_line(f"{self._verb} {way} ({outcome.reason})"))
        self._messages.warn(str(outcome.source), outcome.notes)
        self._detail(outcome)
        self._advance(outcome)

    def detail(self, text: str) -> None:
        """Show a detail, if ``--verbose`` asked for it."""
        self._details.say("batch", text)

    def _detail(self, outcome: Outcome) -> None:
        text = str(outcome.source)
        if outcome.output is not None:
            text += f" -> {outcome.output}"
        if outcome.status is Status.FAILED:
            text += f": {(outcome.error or '').removeprefix(f'{outcome.source}: ')}"
        if outcome.status is Status.DONE:
            size = f"{outcome.width}x{outcome.height}"
            if outcome.pictures is not None:
                size = f"{outcome.pictures} pictures"
            parts = [size, figures.exact(outcome.bytes or 0)]
            parts += [f"{outcome.bpp or 0:.4f} bpp", f"{outcome.seconds:.2f} s"]
            if outcome.attempts > 1:
                parts.append(f"attempt {outcome.attempts}")
            text += f": {', '.join(parts)}"
        if outcome.status is not Status.PLANNED:  # always listed
            self._details.say(outcome.status.value, text)

    @contextmanager
    def checking(self, jobs: Iterable[Item]) -> Iterator[Iterable[Item]]:
        """The jobs, with progress shown while they are checked."""
        total = len(jobs) if isinstance(jobs, Sized) else 0
        with waiting(shown=not self._messages.quiet) as progress:
            yield _counted(jobs, total, progress)

    @contextmanager
    def working(self, todo: list[Decision]) -> Iterator[None]:
        """Show progress on these files, by pixels because pictures differ in size."""
        costs = {decision.job.source: decision.pixels + FILE_COST for decision in todo}
        start, total = time.perf_counter(), sum(costs.values())
        done = pixels = spent = 0
        with waiting(shown=not self._messages.quiet) as progress:
            stage = f"{self._verb[:-1]}ing"
            progress(stage, 0, total, count=f"0/{len(todo)}")

            def advance(outcome: Outcome) -> None:
                nonlocal done, pixels, spent
                done += 1
                pixels += outcome.pixels
                spent += costs[outcome.source]
                rate = _rate(done, pixels, time.perf_counter() - start)
                count, note = f"{done}/{len(todo)}", f"{rate}  {outcome.source.name}"
                progress(stage, spent, total, count=count, note=note)

            self._advance = advance
            try:
                yield
            finally:
                self._advance = lambda outcome: None

    def stopped(self, total: int) -> None:
        """Say how far an interrupted batch got."""
        left = total - self.report.total
        done = f"{self.report.done} {self._verb}d"
        self._messages.say(
            f"{self._name}: stopped; {done}, {left} left; run the same command to go on"
        )

    def conclude(self, left_out: Sequence[Location] = ()) -> None:
        """List the failures, sum up, and exit with the status if it is not 0.

        The files ``left_out`` are counted: nobody should take them for encoded, and delete them.
        """
        for outcome in self.report.failures:
            message = outcome.error or ""
            named = message.startswith((f"{outcome.source}:", f"{outcome.output}:"))
            console.fail(message if named else f"{outcome.source}: {message}")
        for outcome in self.report.spoilt:
            for message in outcome.spoilt:
                console.fail(f"{outcome.source}: {message}; kept in the shard unchanged")
        self._messages.warn(self._name, [*self._growth(), *self._metadata()])
        if left_out:
            files = f"{counted(len(left_out), 'file')} of other kinds"
            heif = any(file.suffix.lower() in HEIF_SUFFIXES - READ_SUFFIXES for file in left_out)
            hint = "; `pip install 'lcodec[heic]'` reads .heic" if heif else ""
            self._messages.say(f"{self._name}: {files} left out: {kinds(left_out)}{hint}")
        self._messages.say(self._summary())
        if self.report.failures or self.report.spoilt:
            raise typer.Exit(Exit.FAILURE)
        if not self.report.done and not self.report.planned:
            raise typer.Exit(Exit.NOTHING)

    def _growth(self) -> list[str]:
        most, count = self.report.most_growth, self.report.grown
        if most is None:
            return []
        before = (most.bytes or 0) - most.growth
        return [growth(most.bytes or 0, before, str(most.output), count - 1)]

    def _metadata(self) -> list[str]:
        most, count = self.report.most_metadata, self.report.mostly_metadata
        if most is None:
            return []
        name = str(most.output)
        return metadata_share(most.metadata_bytes or 0, most.bytes or 0, name, count - 1)

    def _summary(self) -> str:
        report = self.report
        if not report.total:
            return f"{self._name}: nothing found to {self._verb}{self.hint}"
        parts = [
            f"{count} {word}"
            for count, word in (
                (report.planned - report.unreadable, f"to {self._verb}"),
                (report.unreadable, "that cannot be read"),
                (report.done, f"{self._verb}d"),
                (report.skipped, "skipped (finished before)"),
                (len(report.failures), "failed"),
            )
            if count
        ]
        return f"{self._name}: {', '.join(parts)}{self._sums()}"

    def _sums(self) -> str:
        """Total sizes of the finished files."""
        report = self.report
        pictures = f"; {report.pictures} pictures" if report.pictures else ""
        if not report.pixels:
            return pictures
        coded = figures.size(report.bytes)
        if self._verb == "encode" and report.source_bytes:
            share = figures.share(report.bytes, report.source_bytes)
            coded = f"{figures.size(report.source_bytes)} -> {coded} ({share})"
        seconds = figures.seconds(time.perf_counter() - self._start)
        return f"{pictures}; {coded}, {figures.rate(report.bytes, report.pixels)}, {seconds}"


def _counted(jobs: Iterable[Item], total: int, progress: Bar) -> Iterator[Item]:
    for done, job in enumerate(jobs):
        progress("checking", done, total)
        yield job


def _rate(files: int, pixels: int, seconds: float) -> str:
    seconds = max(seconds, 1e-3)
    return f"{files / seconds:.1f} files/s, {pixels / 1e6 / seconds:.1f} MP/s"
