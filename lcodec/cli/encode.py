"""``lcodec encode``: one picture to one ``.lic`` file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcodec.cli import console, paths, sniff
from lcodec.cli.options import (
    DEFAULT_MODEL,
    Device,
    DeviceOption,
    EffortOption,
    ForceOption,
    JsonOption,
    ModelOption,
    QualityOption,
    QuietOption,
    StripOption,
    TargetBppOption,
    TargetPsnrOption,
    TargetSizeOption,
    choose_target,
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
    quality: QualityOption = None,
    target_size: TargetSizeOption = None,
    target_bpp: TargetBppOption = None,
    target_psnr: TargetPsnrOption = None,
    effort: EffortOption = 0,
    model: ModelOption = DEFAULT_MODEL,
    strip: StripOption = False,
    device: DeviceOption = Device.AUTO,
    force: ForceOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Encode a picture to a .lic file.

    The picture can be PNG, JPEG, WebP, AVIF, TIFF, BMP, PPM, GIF, JPEG 2000 or QOI.
    """
    target = choose_target(quality, target_size, target_bpp, target_psnr)
    paths.check_input(source)
    head = sniff.peek(source)
    with paths.about(source):  # the likeliest mix-up
        sniff.refuse_lic(head)
    output = paths.choose_output(source, output, ".lic")
    if as_json and output == paths.STANDARD:
        raise UsageError("`--json` and the .lic file cannot both go to standard output")
    paths.check_output(output, force=force)
    require_model(model)

    from lcodec.imageio import load

    start = time.perf_counter()
    picture = load(source, metadata=not strip)
    if not quiet:
        console.warn(paths.shown(source), picture.notes)
    from lcodec.codec import Codec  # only now: a bad picture is told of without torch

    codec = Codec(model=model, device=device.value)
    with _progress(shown=not quiet) as progress, paths.about(paths.shown(source)):
        encoded = codec.encode_detailed(
            picture,
            quality,
            target=target,
            effort=effort,
            progress=progress,
        )
    paths.write_output(output, encoded.data, force=force)
    seconds = time.perf_counter() - start
    record = _record(source, output, model, picture, encoded, seconds)
    record |= {"effort": effort, "target": None if target is None else str(target)}
    if as_json:
        console.emit_json(record)
    if not quiet:
        size = f"{picture.width}x{picture.height}"
        console.say(
            f"{paths.journey(source, output)}: {size}, quality {encoded.quality}, "
            f"{len(encoded.data)} bytes, {record['bpp']:.4f} bpp, {seconds:.2f} s"
        )


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[str, int, int], None]]:
    """What to call with steps done and in all; a bar where standard error is a terminal."""
    with console.progress_bar("optimising", shown=shown) as progress:
        task = progress.add_task("", total=None, visible=False) if progress else None

        def update(stage: str, done: int, total: int) -> None:
            if progress and task is not None:
                progress.update(task, completed=done, total=total, visible=True)

        yield update


def _record(
    source: str,
    output: str,
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
        "alpha": picture.alpha is not None,
        "bit_depth": picture.bit_depth,
        "quality": encoded.quality,
        "evaluations": encoded.evaluations,
        "psnr": encoded.psnr if encoded.psnr is not None and isfinite(encoded.psnr) else None,
        "model": model,
        "bytes": len(encoded.data),
        "bpp": 8 * len(encoded.data) / (picture.width * picture.height),
        "estimated_bits_y": encoded.estimated_bits_y,
        "estimated_bits_z": encoded.estimated_bits_z,
        "notes": list(picture.notes),
        "seconds": seconds,
        "stages": dict(encoded.timings),
    }
