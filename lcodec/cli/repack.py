"""``lcodec repack``: one ``.lic`` file to another entropy model, its latents untouched."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from lcodec import container
from lcodec.cli import console, paths, sniff
from lcodec.cli.options import Device, DeviceOption, ForceOption, JsonOption, QuietOption
from lcodec.errors import UsageError
from lcodec.weights import find_model_by_id, require_model


def repack(
    source: Annotated[str, typer.Argument(metavar="IN", help="The .lic file, or `-`.")],
    output: Annotated[str, typer.Argument(metavar="OUT", help="The .lic file to write, or `-`.")],
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="Pretrained model to code with.")
    ],
    device: DeviceOption = Device.AUTO,
    force: ForceOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Move a .lic file to another entropy model.

    The decoded picture stays the same, bit for bit, and so do the checksums of its symbols; only
    the size changes. Both models must be over the same transforms.
    """
    paths.check_input(source)
    head = sniff.peek(source)
    with paths.about(source):
        sniff.refuse_picture(head)
    output = paths.choose_output(source, output, ".lic")
    if as_json and output == paths.STANDARD:
        raise UsageError("`--json` and the file cannot both go to standard output")
    paths.check_output(output, force=force)
    require_model(model)
    start = time.perf_counter()
    data = paths.read_input(source)
    with paths.about(paths.shown(source)):
        sniff.refuse_picture(data)
        file = container.read(data)
        earlier = find_model_by_id(file.header.model_id).name

    from lcodec.codec import Codec
    from lcodec.repack import repack as recode

    from_codec = Codec(model=earlier, device=device.value)
    to_codec = from_codec if model == earlier else Codec(model=model, device=device.value)
    with paths.about(paths.shown(source)):
        coded = recode(file, from_codec, to_codec)
    paths.write_output(output, coded, force=force)
    seconds = time.perf_counter() - start
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
            }
        )
    if not quiet:
        change = 100 * (len(coded) / len(data) - 1)
        console.say(
            f"{paths.journey(source, output)}: {earlier} {len(data)} bytes -> "
            f"{model} {len(coded)} bytes ({change:+.1f} %), {seconds:.2f} s"
        )
