"""Pin the versions of this environment in constraints.txt, for everything development needs.

    make lock

Lines above the mark are kept: versions held back for a reason. The rest is replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
MARK = "# All the rest, as `make lock` found it.\n"
EXTRAS = ("dev", "docs")


def needed(name: str, extras: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Name and version of every direct or indirect dependency of a package here."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    waiting = [(canonicalize_name(name), extras)]
    while waiting:
        own = waiting.pop()
        if own in seen:
            continue
        seen.add(own)
        found = distribution(own[0])
        if own[0] != canonicalize_name(name):
            yield own[0], found.version.partition("+")[0]
        for text in found.requires or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in (*own[1], "")):
                continue
            waiting.append((canonicalize_name(requirement.name), tuple(sorted(requirement.extras))))


def pinned(text: str) -> dict[str, str]:
    """Versions by name in the text of a constraints file."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    pairs = (line.split("==") for line in lines if line)
    return {canonicalize_name(name): version for name, version in pairs}


def main() -> None:
    """See the module."""
    held = CONSTRAINTS.read_text("utf-8").partition(MARK)[0]
    kept = pinned(held)
    try:
        found = dict(needed("lcodec", EXTRAS))
    except PackageNotFoundError as error:
        raise SystemExit(f"not installed: {error}; `make install site` first") from error
    lines = [f"{name}=={version}\n" for name, version in sorted(found.items()) if name not in kept]
    CONSTRAINTS.write_text("".join([held, MARK, *lines]), "utf-8")


if __name__ == "__main__":
    main()
