"""The pages of `make site`: links that hold in the repository hold there, too."""

from __future__ import annotations

import posixpath
import re

import lcodec
from tests.conftest import ROOT
from tools import site_pages


def test_links_lead_to_where_things_are_in_the_site() -> None:
    def there(text: str, page: str) -> str:
        return site_pages.relinked(text, page)

    assert (
        there("[a](docs/CLI.md#exit-status)", "project/README.md") == "[a](../CLI.md#exit-status)"
    )
    assert there("[a](../README.md)", "visual.md") == "[a](project/README.md)"
    assert there("[a](../models.md)", "log/visual.md") == "[a](../models.md)"
    assert there("![a](docs/rd.svg)", "project/README.md") == "![a](../rd.svg)"
    assert there("[a](../recipes), [b](#c)", "training.md") == "a, [b](#c)"
    assert there("[a](https://example.org)", "training.md") == "[a](https://example.org)"
    assert there("`[a](../README.md)`", "visual.md") == "`[a](../README.md)`"


def test_every_link_of_every_page_is_in_the_site() -> None:
    inside = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.*")}
    pages = {page for page in inside if page.endswith(".md")}
    pages |= {f"{site_pages.ELSEWHERE}/{path}" for path in site_pages.documents()}
    links = 0
    for page in pages:
        text = (ROOT / site_pages.origin(page)).read_text("utf-8")
        code = r"^```.*?^```$|`[^`\n]+`"
        text = re.sub(code, "", site_pages.relinked(text, page), flags=re.DOTALL | re.MULTILINE)
        for _, _, target in site_pages._LINK.findall(text):
            name = target.partition("#")[0]
            if name and not re.match(r"[a-z]+:", name):
                links += 1
                found = posixpath.normpath(posixpath.join(posixpath.dirname(page), name))
                assert found in inside | pages, f"{page}: {target}"
    assert links > 60


def test_the_reference_has_every_public_name() -> None:
    text = site_pages.reference()
    for name in lcodec.__all__:
        if name != "__version__":
            module, own = lcodec._HOMES[name]
            assert f"::: {module}.{own}\n" in text
