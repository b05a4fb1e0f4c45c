"""Additions of `make site` to docs/: documents from elsewhere in the repository, the API reference.

MkDocs calls the functions named ``on_...``. Links between documents are written for the repository;
here they are changed to the places of the documents in the site. Whatever is not in the site, such
as a folder of recipes, is named without a link.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lcodec

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = "project"
"""Folder of the site with the documents that are not in docs/."""
REFERENCE = "reference.md"

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def documents(root: Path = ROOT) -> list[str]:
    """Documents outside docs/, as paths in the repository."""
    found = [*root.glob("*.md"), *root.glob("models/**/*.md")]
    return sorted(path.relative_to(root).as_posix() for path in found)


def place(path: str, root: Path = ROOT) -> str | None:
    """The path in the site of a file of the repository; None if it is not in the site."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/") if (root / path).is_file() else None
    return f"{ELSEWHERE}/{path}" if path in documents(root) else None


def origin(page: str) -> str:
    """The file of the repository behind a page of the site."""
    inside = page.removeprefix(f"{ELSEWHERE}/")
    return inside if inside != page else f"docs/{page}"


def relinked(text: str, page: str, root: Path = ROOT) -> str:
    """The text of a page with links to files changed to their places in the site."""
    own = origin(page)

    def changed(match: re.Match[str]) -> str:
        image, words, target = match.groups()
        name, mark, anchor = target.partition("#")
        if not name or re.match(r"[a-z]+:", name):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(own), name))
        found = place(path, root)
        if found is None:
            return words
        there = posixpath.relpath(found, posixpath.dirname(page) or ".")
        return f"{image}[{words}]({there}{mark}{anchor})"

    parts = re.split(r"(^```.*?^```$|`[^`\n]+`)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if n % 2 else _LINK.sub(changed, part) for n, part in enumerate(parts))


def reference() -> str:
    """The page of the public names, in Markdown with directives for mkdocstrings."""
    names = [name for name in lcodec.__all__ if name != "__version__"]
    errors = [name for name in names if name.endswith("Error")]
    lines = ["# API reference", "", "What `import lcodec` has.", ""]
    for title, group in (
        ("Coding", [name for name in names if name not in errors]),
        ("Errors", errors),
    ):
        lines += [f"## {title}", ""]
        for name in group:
            module, own = lcodec._HOMES[name]
            lines += [f"::: {module}.{own}", "    options:", "      heading_level: 3", ""]
    return "\n".join(lines)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    from mkdocs.structure.files import File

    for path in documents():
        text = (ROOT / path).read_text("utf-8")
        files.append(File.generated(config, f"{ELSEWHERE}/{path}", content=text))
    files.append(File.generated(config, REFERENCE, content=reference()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Adapt links; the index also links to the reference."""
    text = relinked(markdown, page.file.src_uri)
    if page.file.src_uri == "README.md":
        text += f"\n- [API reference]({REFERENCE}): every public name\n"
    return text
