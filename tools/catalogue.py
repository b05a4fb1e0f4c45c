"""Enter newly released models into lcodec/weights/catalogue.toml.

    python tools/catalogue.py [--check]

Searches the history of this repository, and the models in it that are not committed yet: those are
entered without a commit, which another run adds after the commit. Existing entries are not
changed; with --check nothing is written, and the status is 1 if anything would be.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from lcodec import __version__
from lcodec.process.atomic import atomic_write
from lcodec.weights.catalogue import CATALOGUE, Released, format_catalogue, parse_catalogue
from lcodec.weights.lock import FOLDER_NAME, LOCK_NAME, LockedFile, parse_lock

ROOT = Path(__file__).resolve().parents[1]
TRANSFORMS_FILE = "transforms.safetensors"

Read = Callable[[str], str]
"""Returns the text of a file of the repository, given its path."""


def git(*arguments: str) -> str:
    """The output of git."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def releases() -> Iterator[tuple[str, Read]]:
    """Every commit that changed the models, oldest first."""
    commits = git("log", "--reverse", "--topo-order", "--format=%H", "--", LOCK_NAME, FOLDER_NAME)
    for commit in commits.split():
        yield commit, lambda path, commit=commit: git("show", f"{commit}:{path}")  # type: ignore[misc]


def models_in(read: Read) -> Iterator[tuple[str, str, tuple[str, str], tuple[LockedFile, ...]]]:
    """Id, name, `transforms_in`, and all files of every model listed in a lock."""
    locked = parse_lock(read(LOCK_NAME))
    for name in dict.fromkeys(file.model for file in locked):
        config = json.loads(read(f"{FOLDER_NAME}/{name}/config.json"))
        if "model_id" not in config:
            continue  # transforms
        over = config["transforms"] if isinstance(config["transforms"], str) else name
        files = tuple(sorted(file for file in locked if file.model in (name, over)))
        yield config["model_id"], name, transforms_in(read, files), files


def transforms_in(read: Read, files: tuple[LockedFile, ...]) -> tuple[str, str]:
    """What identifies the transforms of a model: SHA-256 of their weights, and the scale.

    Latents of equal weights mean something else if a level stands for another quality.
    """
    shared = next(file for file in files if file.name == TRANSFORMS_FILE)
    stated = json.loads(read(str(Path(shared.path).with_name("config.json"))))
    return shared.sha256, json.dumps(stated.get("scale"))


def completed(known: tuple[Released, ...]) -> list[Released]:
    """The catalogue with the additional models of the history and the working tree.

    Raises:
        ValueError: a known id stands for different files.
    """
    entries = {entry.model_id: entry for entry in known}
    generations: dict[tuple[str, str], int] = {}

    def enter(commit: str | None, read: Read, version: str) -> None:
        for model_id, name, transforms, files in models_in(read):
            if model_id not in entries:
                last = max((entry.generation for entry in entries.values()), default=0)
                number = generations.get(transforms, last + 1)
                entries[model_id] = Released(model_id, name, number, version, commit, files)
            entry = entries[model_id]
            generations.setdefault(transforms, entry.generation)
            if entry.files != files:
                raise ValueError(f"{model_id}: files differ from those in the catalogue")
            if entry.commit is None:
                entries[model_id] = replace(entry, commit=commit)

    for commit, read in releases():
        stated = re.search(r'__version__ = "([^"]+)"', read("lcodec/__init__.py"))
        assert stated is not None
        enter(commit, read, stated[1])
    enter(None, lambda path: (ROOT / path).read_text("utf-8"), __version__)
    return list(entries.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    text = CATALOGUE.read_text("utf-8") if CATALOGUE.exists() else ""
    entries = completed(parse_catalogue(text))
    new = format_catalogue(entries)
    if new == text:
        print(f"{len(entries)} models, complete")
        return 0
    if not check:
        with atomic_write(CATALOGUE, overwrite=True) as stream:
            stream.write(new.encode("utf-8"))
    print(f"{CATALOGUE.relative_to(ROOT)}: {'not complete' if check else 'written'}")
    return int(check)


if __name__ == "__main__":
    sys.exit(main())
