"""``lcodec inspect``: what ``.lic`` files hold, without decoding them."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from lcodec.cli import complete, console, details, figures, paths
from lcodec.cli.licfiles import read_damaged, read_lic
from lcodec.cli.tables import fitted
from lcodec.container import (
    METADATA,
    Description,
    MetadataInfo,
    boxes,
    describe,
    survey,
)
from lcodec.errors import FormatError, LcodecError
from lcodec.limits import UNDECODED
from lcodec.plurals import counted
from lcodec.suffixes import LIC
from lcodec.weights import at_hand, stated_tune
from lcodec.weights.catalogue import find_released
from lcodec.weights.howtoget import command

_LISTED = 64  # lost tiles listed one by one


def inspect(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help=".lic files, or `-`.", autocompletion=complete.lic_files
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON per file, with all sections.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Also list all sections and tiles.")
    ] = False,
) -> None:
    """Show what .lic files hold.

    Files are checked for damage; nothing is decoded and no weights are needed. A file that fails
    does not stop the rest; the exit status is that of the first failure.
    """
    status = 0
    for name in files:
        try:
            description = _describe(name)
        except LcodecError as error:
            console.fail(str(error))
            status = status or error.exit_code
            left = _survey(name) if isinstance(error, FormatError) else None
            if as_json:
                record = {"file": name, "error": str(error), "code": error.exit_code}
                console.emit_json(record | (left or {}))
            elif left is not None:
                console.emit(_left_text(name, left))
            continue
        if as_json:
            told = {"file": name, **description, "weights": _weights(description)}
            console.emit_json(told)
        else:
            console.emit(_text(paths.shown(name), description))
            if verbose:
                for line in _sections(description):
                    console.emit(line)
    if status:
        raise typer.Exit(status)


def _survey(name: str) -> dict[str, Any] | None:
    """What is left of a damaged file, ready for JSON; None if nothing is."""
    if not os.path.isfile(name):
        return None  # a stream cannot be read twice
    try:
        found = survey(read_damaged(name, UNDECODED), limits=UNDECODED)
    except LcodecError:
        return None
    return {
        "tiles": found.header.tile_count,
        "sound_tiles": len(found.tiles),
        "lost_tiles": boxes(found.header, found.lost),
        "cut_tile": None if found.cut is None else found.cut.number,
        "faults": found.faults,
    }


def _left_text(name: str, left: dict[str, Any]) -> str:
    count, cut = left["sound_tiles"], left["cut_tile"]
    sound = f"{count} of {left['tiles']} tiles sound"
    # Not "them": a file that ends in its only tile has no sound one, and still something to show.
    hint = "`lcodec decode --salvage` shows what is left" if count or cut is not None else ""
    lines = [f"{console.printable(name)}: damaged, {sound}{hint and '; '}{hint}"]
    lost = left["lost_tiles"]
    rows = [("tile", "left", "top", "width", "height")]
    for box in lost[:_LISTED]:
        index, left_edge, top, width, height = (str(value) for value in box.values())
        rows.append((index, left_edge, top, width, height))
    if lost:
        lines += ["  lost, or in an unknown place:"]
        lines += fitted(rows, "rrrrr", indent=4)
    if len(lost) > _LISTED:
        lines.append(f"    and {len(lost) - _LISTED} more; `--json` lists all")
    if cut is not None:
        lines.append(f"  tile {cut} is cut off; what has arrived of it can be decoded")
    return "\n".join(lines)


def _describe(name: str) -> Description:
    paths.check_input(name, f"use `{console.PROGRAM} inspect {{}}/*{LIC}`")
    with paths.about(paths.shown(name)):
        return describe(read_lic(name, UNDECODED), limits=UNDECODED)


def _text(name: str, description: Description) -> str:
    lines = [f"{console.printable(name)}: .lic format {description['version']}, sound"]
    return "\n".join([*lines, *fitted(facts(description), indent=2)])


def facts(description: Description) -> list[tuple[str, str]]:
    """What a file holds, as rows of a label and a text."""
    header, tiles = description["header"], description["tiles"]
    hyper = sum(tile["hyper_bytes"] for tile in tiles)
    latent = sum(tile["latent_bytes"] for tile in tiles)
    return [
        ("picture", details.mode(description)),
        ("quality", str(header["quality"])),
        ("size", f"{figures.exact(description['total_bytes'])}, {description['bpp']:.4f} bpp"),
        ("streams", f"{latent:,} bytes latent, {hyper:,} hyper"),
        (
            "other",
            f"{description['overhead_bytes']:,} bytes overhead, "
            f"{description['metadata_bytes']:,} metadata",
        ),
        *_layers(description),
        *_side_data(description),
        ("tiles", f"{len(tiles)} of up to {header['tile_edge']}x{header['tile_edge']} pixels"),
        (
            "model",
            f"{header['entropy_model_name']} ({header['entropy_model']}), "
            f"id {header['model_id']}, arithmetic profile {header['profile']}",
        ),
        ("weights", _weights_text(_weights(description))),
    ]


def _weights(description: Description) -> dict[str, Any]:
    """What is known about the model that a file was made with, ready for JSON."""
    model_id = description["header"]["model_id"]
    released, here = find_released(model_id), at_hand(model_id)
    missing = released is not None and here is None
    return {
        "model": here.name.partition("@")[0] if here else released and released.name,
        "generation": released and released.generation,
        "version": released and released.version,
        "tune": None if here is None else str(stated_tune(here)),
        "at_hand": here is not None,
        "command": command(released)[0] if released and missing else None,
    }


def _weights_text(known: dict[str, Any]) -> str:
    if known["model"] is None:
        return "not at hand, and of no model that this version knows"
    origin = ", not a released model"
    if known["generation"] is not None:
        origin = f" of generation {known['generation']} (lcodec {known['version']})"
    get = "" if known["at_hand"] else f"; get it: `{known['command']}`"
    tune = f", tune {known['tune']}" if known["tune"] else ""
    return f"{known['model']}{origin}{tune}, {'' if known['at_hand'] else 'not '}at hand{get}"


def _layers(description: Description) -> list[tuple[str, str]]:
    """A row for what is kept without loss, if there is any."""
    if not description["layer_bytes"]:
        return []
    count = sum(tile["layer_bytes"] > 0 for tile in description["tiles"])
    return [("lossless", f"{description['layer_bytes']:,} bytes in {counted(count, 'tile')}")]


def _side_data(description: Description) -> list[tuple[str, str]]:
    """Rows for the alpha plane and the metadata, if there are any."""
    rows = []
    if description["alpha_bytes"]:
        rows.append(("alpha", figures.exact(description["alpha_bytes"])))
    kept = [_metadata(entry) for entry in description["metadata"]]
    others = [section for section in description["sections"] if section["ancillary"]]
    kept += [
        f"{section['type']} {section['payload_size']:,} bytes"
        for section in others
        if section["code"] not in METADATA
    ]
    if kept:
        rows.append(("metadata", ", ".join(kept)))
    return rows


def _metadata(entry: MetadataInfo) -> str:
    profile = f" {entry['profile']}," if entry["profile"] else ""
    packed = f" in {entry['stored_bytes']:,}" if entry["stored_bytes"] < entry["bytes"] else ""
    return f"{entry['type']}{profile} {entry['bytes']:,} bytes{packed}"


def _sections(description: Description) -> list[str]:
    """Every section, and every tile with its place."""
    rows = [("section", "at", "bytes", "CRC-32")]
    for section in description["sections"]:
        place, size = str(section["offset"]), str(section["size"])
        rows.append((section["type"], place, size, section["crc"] or "none"))
    lines = fitted(rows, "lrr", indent=4)
    tiles: list[tuple[str, ...]] = [
        ("tile", "left", "top", "width", "height", "hyper", "latent", "lossless", "checksum")
    ]
    for tile in description["tiles"]:
        index, left, top, width, height = (
            str(tile[key]) for key in ("index", "left", "top", "width", "height")
        )
        streams = (str(tile[key]) for key in ("hyper_bytes", "latent_bytes", "layer_bytes"))
        tiles.append((index, left, top, width, height, *streams, tile["checksum"]))
    return [*lines, *fitted(tiles, "rrrrrrrr", indent=4)]
