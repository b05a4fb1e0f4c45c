"""``--strips`` of ``encode`` and ``decode``: pictures that do not fit into memory."""

from __future__ import annotations

import os
import time
from typing import Annotated, Any

import typer

from lcodec.atomic import atomic_write
from lcodec.cli import console, paths
from lcodec.cli.options import FILES
from lcodec.cli.parts import opened
from lcodec.cli.waiting import waiting
from lcodec.errors import InputError, UsageError
from lcodec.weights import find_model_by_id

StripsOption = Annotated[
    bool,
    typer.Option(
        "--strips",
        help="Work strip by strip, for pictures that do not fit into memory.",
        rich_help_panel=FILES,
    ),
]


def check_files(source: str, output: str | None) -> str:
    """OUT; raises UsageError where there are no files."""
    if output is None or paths.STANDARD in (source, output):
        raise UsageError("`--strips` goes from file to file, not to or from standard streams")
    return output


def encode_strips(
    source: str,
    output: str,
    quality: int | None,
    *,
    model: str,
    device: str,
    strip: bool,
    force: bool,
    max_pixels: int,
    quiet: bool,
) -> dict[str, Any]:
    """Encode a file by rows; returns what there is to tell of it.

    Raises:
        InputError: it cannot be read by rows, or a row of tiles has more than ``max_pixels``.
        OutputError: the output cannot be written.
    """
    from lcodec.picture.rows import open_rows

    start = time.perf_counter()
    rows = open_rows(source)
    if not quiet:
        console.warn(paths.shown(source), rows.notes)
    with waiting(shown=not quiet) as progress:
        progress("loading networks", 0, 1)
        from lcodec.codec import Codec
        from lcodec.strips import encode_strips as encode

        codec = Codec(model=model, device=device)
        _check_strip(source, rows.width, codec.tile_edge, max_pixels)
        with paths.about(source), atomic_write(output, overwrite=force) as stream:
            size = encode(codec, rows, stream, quality, strip=strip, progress=progress)
    return {
        "input": source,
        "output": output,
        "width": rows.width,
        "height": rows.height,
        "channels": rows.channels,
        "alpha": False,
        "bit_depth": rows.bit_depth,
        "model": model,
        "bytes": size,
        "bpp": 8 * size / (rows.width * rows.height),
        "notes": list(rows.notes),
        "seconds": time.perf_counter() - start,
    }


def decode_strips(
    source: str, output: str, *, device: str, force: bool, max_pixels: int, quiet: bool
) -> dict[str, Any]:
    """Decode a file by rows; returns what there is to tell of it.

    Raises:
        FormatError, UnsupportedError, WeightsError, MismatchError: as `lcodec.decode`.
        InputError: a row of tiles has more than ``max_pixels`` pixels.
        OutputError: the output cannot be written.
        UsageError: a format that cannot be written by rows.
    """
    from lcodec.picture.rowfiles import check_row_suffix, save_rows

    start = time.perf_counter()
    check_row_suffix(output)
    with paths.about(paths.shown(source)), opened(source) as file:
        header = file.header
        _check_strip(source, header.width, header.tile_edge, max_pixels)
        model = find_model_by_id(header.model_id).name
        with waiting(shown=not quiet) as progress:
            progress("loading networks", 0, 1)
            from lcodec.codec import Codec
            from lcodec.strips import decode_strips as decode

            codec = Codec(model=model, device=device)
            notes = save_rows(decode(codec, file, progress), output, overwrite=force)
    if not quiet:
        console.warn(output, notes)
    return {
        "input": source,
        "output": output,
        "width": header.width,
        "height": header.height,
        "channels": header.channels,
        "alpha": header.alpha.value != "none",
        "bit_depth": header.bit_depth,
        "quality": header.quality,
        "model": model,
        "notes": list(notes),
        "seconds": time.perf_counter() - start,
    }


def tell(record: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    """The result line, and the record."""
    if as_json:
        console.emit_json(record)
    if not quiet:
        size = f"{record['width']}x{record['height']}"
        if "bytes" in record:
            size += f", {record['bytes']} bytes, {record['bpp']:.4f} bpp"
        way = paths.journey(record["input"], record["output"])
        console.say(f"{way}: {size}, {record['seconds']:.2f} s")


def _check_strip(source: str, width: int, edge: int, max_pixels: int) -> None:
    if width * edge > max_pixels:
        name = os.fspath(source)
        raise InputError(f"{name}: a strip has {width}x{edge} pixels, the limit is {max_pixels}")
