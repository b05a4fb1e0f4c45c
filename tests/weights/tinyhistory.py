"""A small repository whose released model was replaced, and a catalogue of both models."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

from lcodec.weights.catalogue import Released, format_catalogue
from lcodec.weights.lock import read_lock
from tests.tinymodel import write_tiny_model

NAME = "groupedmixer"
VERSION = "0.1.0"
"""That of the program that made the models, whatever it is now."""


@dataclass(frozen=True)
class TinyHistory:
    """A repository with the later model in ``models``, its catalogue, and the earlier model.

    ``folder`` holds the earlier model as a checkout of that time would.
    """

    repository: Path
    folder: Path
    catalogue: Path
    earlier: Released
    later: Released


def make_history(root: Path) -> TinyHistory:
    """Two commits: each releases a model of one name, over other transforms."""
    repository, folder = root / "repository", root / "earlier"
    repository.mkdir()
    (repository / "lcodec").mkdir()
    git(repository, "init", "--quiet")
    entries = []
    for generation in (1, 2):
        write_tiny_model(repository, seed=generation)
        if generation == 1:
            write_tiny_model(folder, seed=generation)
        git(repository, "add", "models", "weights.lock")
        git(repository, "commit", "--quiet", "-m", f"Generation {generation}")
        commit = git(repository, "rev-parse", "HEAD").strip()
        entries.append(_entry(repository, generation, commit))
    catalogue = root / "catalogue.toml"
    catalogue.write_text(format_catalogue(entries))
    return TinyHistory(repository, folder, catalogue, *entries)


def _entry(repository: Path, generation: int, commit: str) -> Released:
    config = json.loads((repository / "models" / NAME / "config.json").read_text())
    files = read_lock(repository / "weights.lock")
    return Released(config["model_id"], NAME, generation, VERSION, commit, files)


def make_wheel(models: Path, path: Path) -> Path:
    """A wheel with the models in it, and nothing else of use."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("lcodec/__init__.py", "")
        for file in sorted(models.rglob("*")):
            if file.is_file():
                archive.write(file, f"lcodec/models/{file.relative_to(models).as_posix()}")
    return path


def git(folder: Path, *arguments: str) -> str:
    """Run git on its own: no configuration of the user's, always the same author and time."""
    settings = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
        "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    }
    for role in ("AUTHOR", "COMMITTER"):
        settings |= {f"GIT_{role}_NAME": "nobody", f"GIT_{role}_EMAIL": "nobody@example.org"}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env={k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
