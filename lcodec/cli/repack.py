"""``lcodec repack``: one ``.lic`` file to another entropy model, its latents untouched."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from lcodec import container
from lcodec.cli import complete, console, paths, routes
from lcodec.cli.details import Details
from lcodec.cli.licfiles import read_lic
from lcodec.cli.options import (
    NETWORKS,
    Device,
    DeviceOption,
    ForceOption,
    JsonOption,
    PreserveOption,
    QuietOption,
    VerboseOption,
    check_speech,
)
from lcodec.cli.waiting import waiting
from lcodec.limits import DecoderLimits
from lcodec.timing import Stopwatch
from lcodec.weights import find_model_by_id, require_model


def repack(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN", help="The .lic file, or `-`.", autocompletion=complete.lic_files
        ),
    ],
    output: Annotated[str, typer.Argument(metavar="OUT", help="The .lic file to write, or `-`.")],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="NAME",
            autocompletion=complete.models,
            help="Pretrained model to code with; see `lcodec weights list`.",
            rich_help_panel=NETWORKS,
        ),
    ],
    device: DeviceOption = Device.AUTO,
    preserve: PreserveOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Move a .lic file to another entropy model.

    The decoded picture stays the same, bit for bit, and so do the checksums of its symbols; only
    the size changes. Both models must be over the same transforms.
    """
    check_speech(quiet=quiet, verbose=verbose)
    output = routes.settle(routes.REPACK, source, output, force=force, as_json=as_json)
    require_model(model)
    start, watch, details = time.perf_counter(), Stopwatch(), Details(verbose)
    with watch.stage("reading"), paths.about(paths.shown(source)):
        data = read_lic(source, DecoderLimits())
        file = container.read(data)
    details.file(container.describe(data), "before")
    with paths.about(paths.shown(source)):
        earlier = find_model_by_id(file.header.model_id).name

    with waiting(shown=not quiet) as progress:
        progress("loading networks", 0, 1)
        with watch.stage("networks"):
            from lcodec.codec import Codec
            from lcodec.repack import repack as recode

            from_codec = Codec(model=earlier, device=device.value)
            same = model == earlier
            to_codec = from_codec if same else Codec(model=model, device=device.value)
        details.networks(from_codec, "from")
        details.networks(to_codec, "to")
        with watch.stage("coding"), paths.about(paths.shown(source)):
            coded = recode(file, from_codec, to_codec, progress)
    with watch.stage("writing"):
        paths.write_output(output, coded, force=force)
        if preserve:
            paths.keep_time(source, output)
    seconds = time.perf_counter() - start
    details.file(container.describe(coded), "after")
    details.seconds(watch.seconds)
    if as_json:
        console.emit_json(
            {
                "input": source,
                "output": output,
                "model_before": earlier,
                "model": model,
                "bytes_before": len(data),
                "bytes": len(coded),
                "seconds": seconds,
                "stages": watch.seconds,
            }
        )
    if not quiet:
        change = 100 * (len(coded) / len(data) - 1)
        console.say(
            f"{paths.journey(source, output)}: {earlier} {len(data)} bytes -> "
            f"{model} {len(coded)} bytes ({change:+.1f} %), {seconds:.2f} s"
        )
