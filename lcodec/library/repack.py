"""Moving a ``.lic`` file to another entropy model: the same latents, other streams."""

from __future__ import annotations

from dataclasses import replace

from lcodec import container
from lcodec.errors import MismatchError, UsageError
from lcodec.library.codec import Codec
from lcodec.library.forms import as_file
from lcodec.library.licforms import AnyFile
from lcodec.process.failures import own_errors
from lcodec.process.progress import Progress, no_progress
from lcodec.weights import siblings


def repack(
    file: AnyFile,
    source: Codec,
    target: Codec,
    progress: Progress = no_progress,
) -> bytes:
    """Code the latents of a file, which ``source`` decodes, with the model of ``target``.

    The file is in any form that `Codec.decode` takes.
    The symbols, their checksums and lossless layers stay the same, and so does the decoded picture;
    sections other than the tiles are kept, metadata in as few bytes as possible.

    Raises:
        UsageError: the models are not over the same transforms.
        FormatError, UnsupportedError, WeightsError, MismatchError: see `Codec.decode`.
    """
    if source.loaded.transforms_id != target.loaded.transforms_id:
        raise UsageError(
            f"{source.loaded.name} and {target.loaded.name} are over different transforms; "
            f"{_possible(source)}"
        )
    with own_errors("reading"):
        file = as_file(file)
    symbols = source.decode_symbols(file, progress)
    header, tiles = target.code_symbols(file.header, symbols, progress)
    moved = []
    for number, (before, after) in enumerate(zip(file.tiles, tiles, strict=True)):
        if before.checksum != after.checksum:
            raise MismatchError(f"tile {number}: the symbols changed")
        moved.append(replace(after, layer=before.layer))
    return container.write(header, moved, container.pack(file.extra), file.alpha)


def _possible(source: Codec) -> str:
    """Which models a file of this one can be moved to."""
    others = siblings(source.loaded.name)
    if others:
        return f"possible for this file: {', '.join(others)}"
    tune = source.loaded.config.tune
    return f"there is no other model at hand for this file, which is of the tune {tune}"
