"""What was probably meant, and where nothing was."""

from __future__ import annotations

import pytest

from lcodec.suggest import nearest, nearest_file


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [
        ("--modle", ["--model", "--help"], "--model"),
        ("--model", ["--help", "--device", "--test"], None),
        ("encod", ["encode", "decode"], "encode"),
    ],
)
def test_words(word: str, known: list[str], found: str | None) -> None:
    assert nearest(word, known) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("phto.png", "photo.png"),
        ("photo.jpg", "photo.png"),
        ("photo.lci", "photo.lic"),
        ("nope.png", None),
        ("b.png", None),
    ],
)
def test_a_common_suffix_does_not_make_files_similar(name: str, found: str | None) -> None:
    assert nearest_file(name, ["scan.png", "a.png", "photo.png", "photo.lic"]) == found
