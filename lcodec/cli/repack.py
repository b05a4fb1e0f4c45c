"""``lcodec repack``: one ``.lic`` file to another entropy model, its latents untouched."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from lcodec import container
from lcodec.cli import complete, figures, paths, routes
from lcodec.cli.details import Details
from lcodec.cli.licfiles import read_lic
from lcodec.cli.options import (
    NETWORKS,
    ForceOption,
    Messages,
    Networks,
    OutputOption,
    PreserveOption,
)
from lcodec.cli.skeleton import spread
from lcodec.cli.waiting import waiting
from lcodec.errors import UsageError
from lcodec.limits import DecoderLimits
from lcodec.process.timing import Stopwatch
from lcodec.weights import find_model_by_id, require_model


@spread
def repack(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN", help="The .lic file, or `-`.", autocompletion=complete.lic_files
        ),
    ],
    output: Annotated[
        str | None,
        typer.Argument(metavar="OUT", help="The .lic file to write, a folder for it, or `-`."),
    ] = None,
    *,
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
    networks: Networks,
    output_option: OutputOption = None,
    preserve: PreserveOption = False,
    force: ForceOption = False,
    messages: Messages,
) -> None:
    """Move a .lic file to another entropy model.

    The decoded picture and the checksums of its symbols stay the same, bit for bit; only the file
    size changes. Both models must be over the same transforms.
    """
    if (output is None) == (output_option is None):
        raise UsageError("repack: give one OUT, after IN or with `-o`")
    output = routes.settle(
        routes.REPACK, source, output or output_option, force=force, as_json=messages.as_json
    )
    require_model(model)
    start, watch, details = time.perf_counter(), Stopwatch(), Details(messages.verbose)
    with watch.stage("reading"), paths.about(paths.shown(source)):
        data = read_lic(source, DecoderLimits())
        file = container.read(data)
    details.file(lambda: container.describe(data), "before")
    with paths.about(paths.shown(source)):
        earlier = find_model_by_id(file.header.model_id).name

    with waiting(shown=not messages.quiet) as progress:
        progress("loading networks", 0, 1)
        with watch.stage("networks"):
            from lcodec.library.codec import Codec
            from lcodec.library.repack import repack as recode

            networks.prepare()
            from_codec = Codec(model=earlier, device=networks.device.value)
            same = model == earlier
            to_codec = from_codec if same else Codec(model=model, device=networks.device.value)
        details.networks(from_codec, "from")
        details.networks(to_codec, "to")
        with watch.stage("coding"), paths.about(paths.shown(source)):
            coded = recode(file, from_codec, to_codec, progress)
    with watch.stage("writing"):
        paths.write_output(output, coded, force=force)
        if preserve:
            paths.keep_time(source, output)
    seconds = time.perf_counter() - start
    details.file(lambda: container.describe(coded), "after")
    details.seconds(watch.seconds)
    messages.record(
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
    before = f"{paths.shown(source)} {earlier} {figures.exact(len(data))}"
    after = f"{paths.shown(output, 'standard output')} {model} {figures.exact(len(coded))}"
    change = 100 * (len(coded) / len(data) - 1)
    messages.say(f"{before} -> {after} ({change:+.1f} %), {figures.seconds(seconds)}")
