"""``lcodec decode``: one ``.lic`` file to a picture."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from lcodec import container
from lcodec.cli import console, paths, sniff
from lcodec.cli.options import Device, DeviceOption, ForceOption, JsonOption, QuietOption
from lcodec.errors import UsageError
from lcodec.weights import find_model_by_id


def decode(
    source: Annotated[str, typer.Argument(metavar="IN", help="The .lic file, or `-`.")],
    output: Annotated[
        str | None,
        typer.Argument(
            metavar="OUT",
            help="Picture to write (.png .tif .webp .jp2 .qoi .bmp .ppm lossless, .jpg .avif), "
            "or `-` for PNG; IN with .png if not given.",
        ),
    ] = None,
    device: DeviceOption = Device.AUTO,
    force: ForceOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Decode a .lic file to a picture.

    The format of the picture is that of OUT's suffix.
    """
    paths.check_input(source)
    head = sniff.peek(source)
    with paths.about(source):  # the likeliest mix-up
        sniff.refuse_picture(head)
    output = paths.choose_output(source, output, ".png")
    if as_json and output == paths.STANDARD:
        raise UsageError("`--json` and the picture cannot both go to standard output")
    paths.check_output(output, force=force)
    start = time.perf_counter()
    data = paths.read_input(source)
    with paths.about(paths.shown(source)):
        sniff.refuse_picture(data)
        file = container.read(data)
        model = find_model_by_id(file.header.model_id).name

    from lcodec.imageio import WRITE_SUFFIXES, save

    suffix = Path(output).suffix.lower()
    if output != paths.STANDARD and suffix not in WRITE_SUFFIXES:
        known = " ".join(sorted(WRITE_SUFFIXES))
        raise UsageError(f"{output}: unknown picture format `{suffix}`, known are: {known}")
    from lcodec.codec import Codec

    codec = Codec(model=model, device=device.value)
    with paths.about(paths.shown(source)):
        decoded = codec.decode(file)
    notes = save(decoded.picture, output, overwrite=force)
    if not quiet:
        console.warn(paths.shown(output), notes)
    seconds = time.perf_counter() - start
    header = decoded.header
    if as_json:
        console.emit_json(
            {
                "input": source,
                "output": output,
                "width": header.width,
                "height": header.height,
                "channels": header.channels,
                "alpha": decoded.alpha is not None,
                "bit_depth": header.bit_depth,
                "quality": header.quality,
                "model": model,
                "notes": list(notes),
                "seconds": seconds,
                "stages": dict(decoded.timings),
            }
        )
    if not quiet:
        size = f"{header.width}x{header.height}"
        console.say(f"{paths.journey(source, output)}: {size}, {seconds:.2f} s")
