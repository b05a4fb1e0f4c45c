"""Figures as people read them."""

from __future__ import annotations

import pytest

from lcodec.cli import figures


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.00 KB"),
        (9994, "9.99 KB"),
        (9996, "10.0 KB"),
        (49_512, "49.5 KB"),
        (99_960, "100 KB"),
        (788_123, "788 KB"),
        (999_499, "999 KB"),
        (999_500, "1.00 MB"),
        (1_234_000_000, "1.23 GB"),
        (1_234_000_000_000, "1,234 GB"),
    ],
)
def test_sizes(count: int, shown: str) -> None:
    assert figures.size(count) == shown


def test_the_line_of_the_documents() -> None:
    assert figures.journey("photo.png", 788_000, "photo.lic", 49_500) == (
        "photo.png 788 KB -> photo.lic 49.5 KB"
    )
    assert figures.journey("standard input", None, "a.lic", 7) == "standard input -> a.lic 7 bytes"
    assert figures.share(49_500, 788_000) == "6.3 %"
    assert figures.share(5, 0) == "-"
    assert figures.share(1234, 100) == "1,234 %"
    assert figures.rate(39_800, 768 * 512) == "0.81 bpp"
    assert figures.rate(2_000, 768 * 512) == "0.041 bpp"
    assert (figures.seconds(0.44), figures.seconds(1234)) == ("0.4 s", "1,234 s")
    assert figures.exact(1_234_567) == "1,234,567 bytes"
