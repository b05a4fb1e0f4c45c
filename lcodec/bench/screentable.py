"""Tables on a screen: figures are never cut; what does not fit is left out, and said to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

FOLDED = 8
"""Width to which names may be folded."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: may have several lines.
        rank: of the columns with a rank above 0, the highest is left out first.
        left: whether its cells start at the left, as names do.
        folds: width to which its cells may be folded; 0, for figures, if they must not be.
    """

    heading: str
    rank: int = 0
    left: bool = False
    folds: int = 0

    @property
    def name(self) -> str:
        """The heading in one line."""
        return self.heading.replace("\n", " ")

    def widths(self, cells: Sequence[str]) -> tuple[int, int]:
        """How wide it must be at least, and to show its cells unfolded."""
        longest = max(
            cell_len(line) for text in (self.heading, *cells) for line in text.splitlines()
        )
        return min(longest, self.folds) if self.folds else longest, longest


def print_table(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    console: Console,
    elsewhere: str = "a wider terminal",
) -> None:
    """Print a table with the columns that fit; a line names those that are only ``elsewhere``.

    Whatever has no rank is shown in any case, even if the terminal has to wrap the lines.
    """
    widths, wanted = zip(
        *(column.widths([row[number] for row in rows]) for number, column in enumerate(columns)),
        strict=True,
    )
    shown = list(range(len(columns)))
    while _across(widths, shown) > console.width:
        last = max(shown, key=lambda number: columns[number].rank)
        if not columns[last].rank:
            break
        shown.remove(last)
    needed = _across(widths, shown)
    spare = max(0, console.width - needed)
    table = Table(
        title=escape(title), title_justify="left", width=needed if needed > console.width else None
    )
    for number in shown:
        column, more = columns[number], min(spare, wanted[number] - widths[number])
        spare -= more
        table.add_column(
            escape(column.heading),
            justify="left" if column.left else "right",
            no_wrap=not column.folds,
            overflow="fold",
            width=widths[number] + more,
        )
    for row in rows:
        table.add_row(*(escape(row[number]) for number in shown))
    console.print(table, crop=False)
    left = [column.name for number, column in enumerate(columns) if number not in shown]
    if left:
        console.print(f"not shown: {escape(', '.join(left))}; in {elsewhere}", highlight=False)


def _across(widths: Sequence[int], shown: Sequence[int]) -> int:
    """The width of a table of these columns, with its lines."""
    return sum(widths[number] + 3 for number in shown) + 1
