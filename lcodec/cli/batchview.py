"""What ``lcodec batch`` shows: lines, records, progress and the sums at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

import typer

from lcodec.batch.check import Decision
from lcodec.batch.manifest import Manifest
from lcodec.batch.report import Outcome, Report, Status
from lcodec.cli import console
from lcodec.cli.details import Details

EXIT_SOME_FAILED = 1
EXIT_NOTHING_TO_DO = 9

FILE_COST = 1 << 15
"""Pixels that take about as long as all that a file costs whatever its size."""

Item = TypeVar("Item")


class View:
    """Takes outcomes one by one.

    ``name`` is what the lines call the batch, ``verb`` what it does with a file ("encode");
    ``hint`` follows the line that says that nothing was found.
    """

    def __init__(
        self,
        name: str,
        verb: str,
        *,
        manifest: Manifest | None,
        as_json: bool,
        quiet: bool,
        verbose: bool = False,
    ) -> None:
        self.report = Report()
        self.hint = ""
        self._details = Details(verbose)
        self._name = name
        self._verb = verb
        self._manifest = manifest
        self._as_json = as_json
        self._quiet = quiet
        self._start = time.perf_counter()
        self._advance: Callable[[Outcome], None] = lambda outcome: None

    def __call__(self, outcome: Outcome) -> None:
        """Record an outcome and show it."""
        self.report.add(outcome)
        if self._manifest and outcome.status is not Status.PLANNED:
            self._manifest.write(outcome)
        if self._as_json:
            console.emit_json(outcome.to_dict())
        elif outcome.status is Status.PLANNED:
            console.emit(f"{self._verb} {outcome.source} -> {outcome.output} ({outcome.reason})")
        if not self._quiet:
            console.warn(str(outcome.source), outcome.notes)
        self._detail(outcome)
        self._advance(outcome)

    def detail(self, text: str) -> None:
        """What only those want to know who asked for details."""
        self._details.say("batch", text)

    def _detail(self, outcome: Outcome) -> None:
        text = str(outcome.output or outcome.source)
        if outcome.status is Status.DONE:
            size = f"{outcome.width}x{outcome.height}"
            if outcome.pictures is not None:
                size = f"{outcome.pictures} pictures"
            figures = [size, f"{outcome.bytes} bytes"]
            figures += [f"{outcome.bpp or 0:.4f} bpp", f"{outcome.seconds:.2f} s"]
            if outcome.attempts > 1:
                figures.append(f"attempt {outcome.attempts}")
            text = f"{outcome.source} -> {text}: {', '.join(figures)}"
        if outcome.status is not Status.PLANNED:  # those are listed anyway
            self._details.say(outcome.status.value, text)

    @contextmanager
    def checking(self, jobs: Iterable[Item]) -> Iterator[Iterable[Item]]:
        """The jobs, with progress shown while they are gone through."""
        total = len(jobs) if isinstance(jobs, Sized) else None
        with console.progress_bar("checking", shown=not self._quiet) as progress:
            yield progress.track(jobs, total=total) if progress else jobs

    @contextmanager
    def working(self, todo: list[Decision]) -> Iterator[None]:
        """Show progress while these are worked on: by pixels, as pictures differ in size."""
        if self._quiet or not console.is_terminal():
            yield
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        costs = {decision.job.source: decision.pixels + FILE_COST for decision in todo}
        columns = (
            BarColumn(),
            TextColumn("{task.fields[count]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rate]}  {task.fields[name]}"),
        )
        start, done, pixels = time.perf_counter(), 0, 0
        with Progress(
            *columns,
            console=console.error_console(),
            transient=True,
            redirect_stdout=False,
            speed_estimate_period=120,
        ) as progress:
            total = sum(costs.values())
            task = progress.add_task("", total=total, count=f"0/{len(todo)}", rate="", name="")

            def advance(outcome: Outcome) -> None:
                nonlocal done, pixels
                done += 1
                pixels += outcome.pixels
                rate = _rate(done, pixels, time.perf_counter() - start)
                progress.update(
                    task,
                    advance=costs[outcome.source],
                    count=f"{done}/{len(todo)}",
                    rate=rate,
                    name=outcome.source.name,
                )

            self._advance = advance
            try:
                yield
            finally:
                self._advance = lambda outcome: None

    def stopped(self, total: int) -> None:
        """Say how far a batch came that was told to stop."""
        if not self._quiet:
            left = total - self.report.total
            done = f"{self.report.done} {self._verb}d"
            console.say(f"{self._name}: stopped; {done}, {left} left for the same command")

    def conclude(self) -> None:
        """List the failures, sum up, and exit with the status if it is not 0."""
        for outcome in self.report.failures:
            message = outcome.error or ""
            named = message.startswith((f"{outcome.source}:", f"{outcome.output}:"))
            console.fail(message if named else f"{outcome.source}: {message}")
        for outcome in self.report.spoilt:
            for message in outcome.spoilt:
                console.fail(f"{outcome.source}: {message}; left in the shard as it is")
        if not self._quiet:
            console.say(self._summary())
        if self.report.failures or self.report.spoilt:
            raise typer.Exit(EXIT_SOME_FAILED)
        if not self.report.done and not self.report.planned:
            raise typer.Exit(EXIT_NOTHING_TO_DO)

    def _summary(self) -> str:
        report = self.report
        if not report.total:
            return f"{self._name}: nothing found to {self._verb}{self.hint}"
        parts = [
            f"{count} {word}"
            for count, word in (
                (report.planned, f"to {self._verb}"),
                (report.done, f"{self._verb}d"),
                (report.skipped, "skipped (finished before)"),
                (len(report.failures), "failed"),
            )
            if count
        ]
        figures = f"; {report.pictures} pictures" if report.pictures else ""
        if report.pixels:
            seconds = time.perf_counter() - self._start
            bpp = 8 * report.bytes / report.pixels
            figures += f"; {report.bytes} bytes, {bpp:.4f} bpp, {seconds:.1f} s"
        return f"{self._name}: {', '.join(parts)}{figures}"


def _rate(files: int, pixels: int, seconds: float) -> str:
    seconds = max(seconds, 1e-3)
    return f"{files / seconds:.1f} files/s, {pixels / 1e6 / seconds:.1f} MP/s"
