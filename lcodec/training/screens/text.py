"""Random text that looks like prose, code, commands or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_STARTS = _words("b c d f g h l m n p r s t v w st tr pr ch th sh br cl gr")
_VOWELS = _words("a e i o u a e i o ea ou ai ee io")
_ENDS = ("", *_words("n r s t l d m ng nd st rt ck ll ss"), "")
_SMALL = _words("the of and to a in is it for on as with by at or be an not from this")
_GREEK = "".join(chr(code) for code in range(0x3B1, 0x3C9))
_CYRILLIC = "".join(chr(code) for code in range(0x430, 0x450))
_KEYWORDS = _words("class return if else for in while import from as with try except not")
_COMMANDS = _words("cd ls git make ssh cat grep find python tar sudo vim curl tail")


class Piece(NamedTuple):
    """Part of a line of code; ``kind`` is plain, keyword, name, string, number or remark."""

    kind: str
    text: str


class Writer:
    """Writes random text in one script: mostly Latin, sometimes Greek or Cyrillic."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._alphabet = {0: _GREEK, 1: _CYRILLIC}.get(int(random.integers(0, 16)))

    def _one(self, choices: Sequence[str]) -> str:
        return choices[int(self._random.integers(len(choices)))]

    def word(self) -> str:
        """One word in lower case."""
        if self._alphabet is not None:
            return "".join(self._one(self._alphabet) for _ in range(self._random.integers(2, 10)))
        if self._random.random() < 0.35:
            return self._one(_SMALL)
        syllables = self._random.integers(1, 4)
        return "".join(
            self._one(_STARTS) + self._one(_VOWELS) + self._one(_ENDS) for _ in range(syllables)
        )

    def title(self) -> str:
        """One to four words, the first with a capital."""
        return " ".join(self.word() for _ in range(self._random.integers(1, 5))).capitalize()

    def sentence(self) -> str:
        """Some words and a final mark."""
        words = [self.word() for _ in range(self._random.integers(4, 16))]
        if len(words) > 8:
            words[self._random.integers(2, 7)] += ","
        return " ".join(words).capitalize() + self._one([".", ".", ".", "?", ":"])

    def number(self) -> str:
        """A number, percentage or date, as in tables."""
        random = self._random
        kind = random.integers(0, 5)
        if kind == 0:
            day, month = random.integers(1, 29), random.integers(1, 13)
            return f"{day:02d}.{month:02d}.20{random.integers(10, 40)}"
        if kind == 1:
            return f"{random.uniform(-99, 999):.2f}"
        if kind == 2:
            return f"{random.integers(0, 100)} %"
        return f"{int(10 ** random.uniform(0, 7)):,}"

    def name(self) -> str:
        """An identifier."""
        parts = [self.word() for _ in range(self._random.integers(1, 3))]
        return ("_" if self._random.random() < 0.8 else "").join(parts)

    def code(self) -> list[Piece]:
        """A line of code, as pieces."""
        random = self._random
        indent = Piece("plain", "    " * int(random.integers(0, 4)))
        one, other = self.name(), self.name()
        match random.integers(0, 7):
            case 0:
                return []
            case 1:
                return [indent, Piece("remark", "# " + self.sentence())]
            case 2:
                arguments = ", ".join(self.name() for _ in range(random.integers(0, 4)))
                return [
                    indent,
                    Piece("keyword", "def "),
                    Piece("name", one),
                    Piece("plain", f"({arguments}):"),
                ]
            case 3:
                keyword = Piece("keyword", self._one(_KEYWORDS) + " ")
                text = Piece("string", f'"{self.title()}"')
                return [indent, keyword, Piece("name", one), Piece("plain", "("), text]
            case 4:
                number = Piece("number", self.number())
                return [indent, Piece("plain", f"{one} = "), number, Piece("plain", f" * {other}")]
            case 5:
                return [indent, Piece("keyword", "return "), Piece("plain", f"{one}[{other}]")]
            case _:
                text = Piece("string", f"'{self.word()}'")
                return [indent, Piece("plain", f"{one} = {other}("), text, Piece("plain", ")")]

    def command(self) -> str:
        """A command line."""
        marks = ("-", "--", "", "", "./")
        rest = [self._one(marks) + self.name() for _ in range(self._random.integers(0, 4))]
        return " ".join([self._one(_COMMANDS), *rest])

    def output(self) -> str:
        """A line of a program's output."""
        random = self._random
        if random.random() < 0.4:
            size = int(10 ** random.uniform(1, 7))
            ending = self._one(("py", "txt", "png", "md", "c"))
            return f"-rw-r--r-- 1 {self.word():8s} {size:9d} {self.name()}.{ending}"
        return " ".join([*(self.word() for _ in range(random.integers(1, 9))), self.number()])
