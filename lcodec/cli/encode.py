"""``lcodec encode``: one picture to one ``.lic`` file."""

from __future__ import annotations

import os
import time
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcodec import container
from lcodec.cli import complete, console, paths, routes
from lcodec.cli.details import Details
from lcodec.cli.options import (
    FILES,
    Device,
    DeviceOption,
    EffortOption,
    ForceOption,
    JsonOption,
    MaxPixelsOption,
    ModelOption,
    PreserveOption,
    QualityOption,
    QuietOption,
    StripOption,
    TargetBppOption,
    TargetPsnrOption,
    TargetSizeOption,
    TargetSsimulacra2Option,
    TuneOption,
    VerboseOption,
    check_speech,
    choose_target,
)
from lcodec.cli.strips import StripsOption, check_files, encode_strips, tell
from lcodec.cli.waiting import waiting
from lcodec.container import DEFAULT_MAX_PIXELS
from lcodec.errors import UsageError
from lcodec.timing import Stopwatch
from lcodec.tunes import DEFAULT_TUNE, default_model
from lcodec.weights import require_model

if TYPE_CHECKING:
    from lcodec.picture import Picture
    from lcodec.pipeline.encoder import Encoded


def encode(
    source: Annotated[
        str,
        typer.Argument(metavar="IN", help="Picture, or `-`.", autocompletion=complete.pictures),
    ],
    output: Annotated[
        str | None,
        typer.Argument(metavar="OUT", help="File to write, or `-`; IN with .lic if not given."),
    ] = None,
    quality: QualityOption = None,
    target_size: TargetSizeOption = None,
    target_bpp: TargetBppOption = None,
    target_psnr: TargetPsnrOption = None,
    target_ssimulacra2: TargetSsimulacra2Option = None,
    tune: TuneOption = DEFAULT_TUNE,
    effort: EffortOption = 0,
    model: ModelOption = None,
    device: DeviceOption = Device.AUTO,
    strip: StripOption = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Decode the symbols again before anything is written.",
            rich_help_panel=FILES,
        ),
    ] = False,
    strips: StripsOption = False,
    preserve: PreserveOption = False,
    max_pixels: MaxPixelsOption = DEFAULT_MAX_PIXELS,
    force: ForceOption = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Encode a picture to a .lic file.

    The picture can be PNG, JPEG, WebP, AVIF, TIFF, BMP, PPM, GIF, JPEG 2000 or QOI, gray or
    colour, of 8 or 16 bits. Alpha, colour profile, EXIF and XMP are kept.
    """
    check_speech(quiet=quiet, verbose=verbose)
    target = choose_target(quality, target_size, target_bpp, target_psnr, target_ssimulacra2)
    output = routes.settle(routes.ENCODE, source, output, force=force, as_json=as_json)
    model = model or default_model(tune)
    require_model(model)
    if strips:
        if target is not None or effort or verify:
            raise UsageError("`--strips` excludes targets, `--effort` and `--verify`")
        record = encode_strips(
            source,
            check_files(source, output),
            quality,
            model=model,
            device=device.value,
            strip=strip,
            force=force,
            max_pixels=max_pixels,
            quiet=quiet,
        )
        if preserve:
            paths.keep_time(source, output)
        tell(record, as_json=as_json, quiet=quiet)
        return

    from lcodec.picture import load

    start, watch, details = time.perf_counter(), Stopwatch(), Details(verbose)
    with waiting(shown=not quiet) as progress:
        with watch.stage("reading"):
            picture = load(source, metadata=not strip, max_pixels=max_pixels)
        details.picture(picture)
        if not quiet:
            console.warn(paths.shown(source), picture.notes)
        progress("loading networks", 0, 1)
        with watch.stage("networks"):
            from lcodec.codec import Codec  # only now: a bad picture is told of without torch

            codec = Codec(model=model, device=device.value)
        details.networks(codec)
        with paths.about(paths.shown(source)):
            encoded = codec.encode_detailed(
                picture, quality, target=target, effort=effort, progress=progress
            )
        stages = watch.seconds | encoded.timings
        if verify:
            with watch.stage("verification"), paths.about(paths.shown(source)):
                codec.decode_symbols(container.read(encoded.data, max_pixels=max_pixels), progress)
    with watch.stage("writing"):
        paths.write_output(output, encoded.data, force=force)
        if preserve:
            paths.keep_time(source, output)
    stages |= watch.seconds
    seconds = time.perf_counter() - start
    details.trials(encoded.trials)
    details.file(container.describe(encoded.data, max_pixels=max_pixels))
    details.seconds(stages)
    record = _record(source, output, model, picture, encoded)
    record |= {"effort": effort, "target": None if target is None else str(target)}
    record |= {"seconds": seconds, "stages": stages}
    if as_json:
        console.emit_json(record)
    if not quiet:
        console.warn(paths.shown(output, "standard output"), _growth(source, encoded))
        size = f"{picture.width}x{picture.height}"
        console.say(
            f"{paths.journey(source, output)}: {size}, quality {encoded.quality}, "
            f"{len(encoded.data)} bytes, {record['bpp']:.4f} bpp, {seconds:.2f} s"
        )


def _growth(source: str, encoded: Encoded) -> list[str]:
    """A word on a file that is larger than its source, which nobody wants."""
    if not os.path.isfile(source):
        return []
    before = os.path.getsize(source)
    return [f"larger than its source of {before} bytes"] if len(encoded.data) > before else []


def _record(
    source: str, output: str, model: str, picture: Picture, encoded: Encoded
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
        "ssimulacra2": encoded.ssimulacra2,
        "psnr": encoded.psnr if encoded.psnr is not None and isfinite(encoded.psnr) else None,
        "model": model,
        "bytes": len(encoded.data),
        "bpp": 8 * len(encoded.data) / (picture.width * picture.height),
        "estimated_bits_y": encoded.estimated_bits_y,
        "estimated_bits_z": encoded.estimated_bits_z,
        "notes": list(picture.notes),
    }
