"""Numbers of things in messages."""

from __future__ import annotations


def counted(count: int, noun: str = "picture") -> str:
    """A number of things: "1 picture", "24 pictures", "1,200 bytes"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
