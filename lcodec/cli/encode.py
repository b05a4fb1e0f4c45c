"""``lcodec encode``: one picture to one ``.lic`` file."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcodec.cli import console, paths, sniff
from lcodec.cli.options import (
    DEFAULT_MODEL,
    DEFAULT_QUALITY,
    Device,
    DeviceOption,
    ForceOption,
    ModelOption,
    QualityOption,
    QuietOption,
)
from lcodec.errors import UsageError
from lcodec.weights import require_model

if TYPE_CHECKING:
    from lcodec.encoder import Encoded
    from lcodec.imageio import Picture


def encode(
    source: Annotated[str, typer.Argument(metavar="IN", help="Picture, or `-`.")],
    output: Annotated[
        str | None,
        typer.Argument(metavar="OUT", help="File to write, or `-`; IN with .lic if not given."),
    ] = None,
    quality: QualityOption = DEFAULT_QUALITY,
    model: ModelOption = DEFAULT_MODEL,
    device: DeviceOption = Device.AUTO,
    force: ForceOption = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as JSON on standard output.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Encode a picture to a .lic file.

    The picture can be PNG, JPEG, WebP, AVIF, TIFF, BMP, PPM, GIF, JPEG 2000 or QOI.
    """
    paths.check_input(source)
    head = sniff.peek(source)
    with paths.about(source):  # the likeliest mix-up
        sniff.refuse_lic(head)
    output = paths.choose_output(source, output, ".lic")
    if as_json and output == paths.STANDARD:
        raise UsageError("`--json` and the .lic file cannot both go to standard output")
    paths.check_output(output, force=force)
    require_model(model)

    from lcodec.imageio import atomic_write, load

    start = time.perf_counter()
    picture = load(source)
    if not quiet:
        console.warn(paths.shown(source), picture.notes)
    from lcodec.codec import Codec  # only now: a bad picture is told of without torch

    encoded = Codec(model=model, device=device.value).encode_detailed(picture.pixels, quality)
    if output == paths.STANDARD:
        console.emit_bytes(encoded.data)
    else:
        with atomic_write(output, overwrite=force) as stream:
            stream.write(encoded.data)
    seconds = time.perf_counter() - start
    record = _record(source, output, quality, model, picture, encoded, seconds)
    if as_json:
        console.emit_json(record)
    if not quiet:
        size = f"{picture.width}x{picture.height}"
        console.say(
            f"{paths.journey(source, output)}: {size}, quality {quality}, "
            f"{len(encoded.data)} bytes, {record['bpp']:.4f} bpp, {seconds:.2f} s"
        )


def _record(
    source: str,
    output: str,
    quality: int,
    model: str,
    picture: Picture,
    encoded: Encoded,
    seconds: float,
) -> dict[str, Any]:
    return {
        "input": source,
        "output": output,
        "width": picture.width,
        "height": picture.height,
        "channels": picture.channels,
        "quality": quality,
        "model": model,
        "bytes": len(encoded.data),
        "bpp": 8 * len(encoded.data) / (picture.width * picture.height),
        "estimated_bits_y": encoded.estimated_bits_y,
        "estimated_bits_z": encoded.estimated_bits_z,
        "notes": list(picture.notes),
        "seconds": seconds,
        "stages": dict(encoded.timings),
    }
