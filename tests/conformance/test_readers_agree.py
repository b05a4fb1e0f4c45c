"""The container as the page has it and as lcodec reads it: both take and refuse the same files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from lcodec import container
from lcodec.coding.alpha import decode_alpha
from lcodec.container import LicFile
from lcodec.errors import FormatError, UnsupportedError
from lcodec.limits import UNDECODED
from tests.conformance.pure_container import Damaged, File, Newer, alpha_plane, metadata, parse
from tests.fuzz.mutate import mutated
from tools.conformance_corpus import CORPUS

ROUNDS = 12
PIXELS = 1 << 16  # of planes that are compared
LIMITS = replace(UNDECODED, tiles=1 << 62)
DAMAGED, NEWER = "damaged", "newer"
FILES = [p for p in sorted(CORPUS.glob("*/*.lic")) if not p.name.startswith("extreme")]


def tried(read: Any) -> Any:
    """What a reader returns, or what it calls the file."""
    try:
        return read()
    except (FormatError, Damaged):
        return DAMAGED
    except (UnsupportedError, Newer):
        return NEWER


def ours(data: bytes) -> Any:
    """What lcodec finds in a file."""

    def parts(file: LicFile) -> Any:
        header, alpha = file.header, file.alpha
        wide = np.uint8 if header.bit_depth == 8 else np.uint16
        shape = header.height, header.width
        told = tried(lambda: container.describe(data, limits=LIMITS)["metadata"])
        return (
            (*shape, header.quality, header.tile_edge, header.entropy_model, header.model_id),
            (header.channels, header.bit_depth, header.alpha.value),
            [(tile.checksum, tile.hyper, tile.layer, tile.latent) for tile in file.tiles],
            [(section.type, section.payload) for section in file.extra],
            tried(lambda: known(container.payloads(file.extra))),
            told if isinstance(told, str) else {one["type"]: one["bytes"] for one in told},
            alpha is not None
            and header.pixels <= PIXELS
            and tried(lambda: decode_alpha(alpha, shape, wide).tolist()),
        )

    return tried(lambda: parts(container.read(data, limits=LIMITS)))


def theirs(data: bytes) -> Any:
    """The same, as the independent reader finds it."""

    def parts(file: File) -> Any:
        size = file.width * file.height
        found = tried(lambda: metadata(file))
        names = {129: "ICC", 130: "EXIF", 131: "XMP"}
        return (
            (file.height, file.width, file.quality, file.edge, *names_in(file)),
            (3 if file.colour else 1, file.depth, ("none", "plane", "opaque")[file.alpha_kind]),
            [(tile.checksum, tile.hyper, tile.layer or b"", tile.latent) for tile in file.tiles],
            file.others,
            found,
            found
            if isinstance(found, str)
            else {names[kind]: len(payload) for kind, payload in found.items()},
            file.alpha is not None and size <= PIXELS and tried(lambda: alpha_plane(file).tolist()),
        )

    return tried(lambda: parts(parse(data)))


def names_in(file: File) -> tuple[str, bytes]:
    return file.entropy_model.decode(), file.model_id


def known(payloads: dict[int, bytes]) -> dict[int, bytes]:
    return {kind: payload for kind, payload in payloads.items() if kind in (129, 130, 131)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_both_readers_agree(path: Path) -> None:
    """On a file of the corpus, and on what is left of it when its sections are changed."""
    data, random = path.read_bytes(), Random(path.stem)
    assert ours(data) == theirs(data)
    for number in range(ROUNDS):
        changed = mutated(data, random)
        assert ours(changed) == theirs(changed), f"{number}: {changed[:200].hex()}"


def test_all_verdicts_are_met() -> None:
    random = Random(1)
    changed = [mutated(path.read_bytes(), random) for path in FILES for _ in range(2)]
    verdicts = [found if isinstance(found := ours(data), str) else "sound" for data in changed]
    assert set(verdicts) == {DAMAGED, NEWER, "sound"}
    assert verdicts.count("sound") > 0.05 * len(verdicts)
