"""The pages: a folder, and one picture. The pictures are shown even without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib import resources
from string import Template

from lcodec.plurals import counted


@cache
def asset(name: str) -> str:
    """A file of the package's assets."""
    return resources.files("lcodec.view").joinpath(f"assets/{name}").read_text("utf-8")


@cache
def policy() -> str:
    """The content security policy: pictures from the server, and the scripts and styles below."""

    def hashed(name: str) -> str:
        digest = hashlib.sha256(asset(name).encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"

    return (
        f"default-src 'none'; img-src 'self'; style-src {hashed('view.css')}; "
        f"script-src {hashed('view.js')}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def folder_page(title: str, names: Sequence[str]) -> str:
    """Thumbnails of all files; a browser requests those that come into view."""
    items = "".join(
        f'<li><a href="picture/{number}"><img src="thumbnail/{number}" loading="lazy" '
        f'width="256" height="192" alt=""><span>{escape(name)}</span></a></li>\n'
        for number, name in enumerate(names)
    )
    count = counted(len(names), "file")
    body = f'<main class="folder"><h1>{escape(title)}</h1><p>{count}</p><ul>\n{items}</ul></main>'
    return _page(title, body)


def picture_page(
    names: Sequence[str],
    number: int,
    size: tuple[int, int],
    facts: Sequence[tuple[str, str]],
) -> str:
    """One picture, with the details of its file and links to the others."""
    rows = "".join(f"<dt>{escape(one)}</dt><dd>{escape(two)}</dd>\n" for one, two in facts)
    width, height = size
    body = Template(asset("picture.html")).substitute(
        name=escape(names[number]),
        number=number,
        width=width,
        height=height,
        facts=rows,
        ways=_ways(len(names), number),
    )
    return _page(names[number], body)


def error_page(names: Sequence[str], number: int, message: str) -> str:
    """A page about an error with a file, with links to the others."""
    words = f"<h1>{escape(names[number])}</h1>{_ways(len(names), number)}<p>{escape(message)}</p>"
    return _page(names[number], f'<main class="folder">{words}</main>')


def _ways(count: int, number: int) -> str:
    """Links from one file to the others."""
    if count == 1:
        return "<nav></nav>"
    ways = []
    for other, word, key in ((number - 1, "Previous", "prev"), (number + 1, "Next", "next")):
        if 0 <= other < count:
            ways.append(f'<a rel="{key}" href="{other}">{word}</a>')
    ways.append('<a rel="up" href="../">All</a>')
    return f"<nav>{' '.join(ways)} <span>{number + 1} of {count}</span></nav>"


def _page(title: str, body: str) -> str:
    return Template(asset("page.html")).substitute(
        title=escape(title), body=body, style=asset("view.css"), script=asset("view.js")
    )
