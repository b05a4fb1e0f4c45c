"""``lcodec decode``: one ``.lic`` file to a picture."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from lcodec import container
from lcodec.cli import complete, console, paths, routes, sniff
from lcodec.cli.details import Details
from lcodec.cli.options import (
    Device,
    DeviceOption,
    ForceOption,
    JsonOption,
    QuietOption,
    VerboseOption,
    check_speech,
)
from lcodec.cli.waiting import waiting
from lcodec.timing import Stopwatch
from lcodec.weights import find_model_by_id


def decode(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN", help="The .lic file, or `-`.", autocompletion=complete.lic_files
        ),
    ],
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
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Decode a .lic file to a picture.

    The picture has the mode and the depth of the source, and its metadata. Its format is that of
    OUT's suffix; what the format cannot hold is named in a warning.
    """
    check_speech(quiet=quiet, verbose=verbose)
    output = routes.settle(routes.DECODE, source, output, force=force, as_json=as_json)
    start, watch, details = time.perf_counter(), Stopwatch(), Details(verbose)
    with watch.stage("reading"), paths.about(paths.shown(source)):
        data = paths.read_input(source)
        sniff.refuse_picture(data)
        file = container.read(data)
    details.file(container.describe(data))
    with paths.about(paths.shown(source)):
        model = find_model_by_id(file.header.model_id).name
    with waiting(shown=not quiet) as progress:
        progress("loading networks", 0, 1)
        with watch.stage("networks"):
            from lcodec.codec import Codec
            from lcodec.imageio import save

            codec = Codec(model=model, device=device.value)
        details.networks(codec)
        with paths.about(paths.shown(source)):
            decoded = codec.decode(file, progress=progress)
        stages = watch.seconds | decoded.timings
        progress("writing", 0, 1)
        with watch.stage("writing"):
            notes = save(decoded.picture, output, overwrite=force)
    if not quiet:
        console.warn(paths.shown(output), notes)
    seconds = time.perf_counter() - start
    header = decoded.header
    stages |= watch.seconds
    details.picture(decoded.picture)
    details.seconds(stages)
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
                "stages": stages,
            }
        )
    if not quiet:
        size = f"{header.width}x{header.height}"
        console.say(f"{paths.journey(source, output)}: {size}, {seconds:.2f} s")
