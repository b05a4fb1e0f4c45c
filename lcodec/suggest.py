"""The word that was probably meant. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable

LIKENESS = 0.6


def nearest(word: str, known: Iterable[str], likeness: float = LIKENESS) -> str | None:
    """The known word most similar to ``word``, ignoring case; None if none is similar."""
    from difflib import get_close_matches  # only needed after a typing error

    words = {one.lower(): one for one in known}
    found = get_close_matches(word.lower(), words, 1, likeness)
    return words[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: ``; did you mean `x`?``, or nothing."""
    found = nearest(word, known)
    return "" if found is None else f"; did you mean `{found}`?"
