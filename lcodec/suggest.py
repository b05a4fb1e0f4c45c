"""The word that was probably meant. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

LIKENESS = 0.7


def nearest(word: str, known: Iterable[str], likeness: float = LIKENESS) -> str | None:
    """The known word most similar to ``word``, ignoring case; None if none is similar.

    The dashes that all options begin with do not make them similar.
    """
    from difflib import get_close_matches  # only needed after a typing error

    words = {one.lower().lstrip("-"): one for one in known}
    found = get_close_matches(word.lower().lstrip("-"), words, 1, likeness)
    return words[found[0]] if found else None


def nearest_file(name: str, known: Iterable[str]) -> str | None:
    """The file most similar to ``name``: a common suffix does not make files similar."""
    listed = list(known)
    stems = {one: PurePath(one).stem for one in listed}
    stem = nearest(PurePath(name).stem, stems.values())
    return None if stem is None else nearest(name, [one for one in listed if stems[one] == stem], 0)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: ``; did you mean `x`?``, or nothing."""
    found = nearest(word, known)
    return "" if found is None else f"; did you mean `{found}`?"
