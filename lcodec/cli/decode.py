"""``lcodec decode``: one ``.lic`` file to a picture."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcodec import container
from lcodec.cli import complete, console, paths, routes, sniff
from lcodec.cli.details import Details
from lcodec.cli.options import (
    FILES,
    Device,
    DeviceOption,
    ForceOption,
    JsonOption,
    MaxPixelsOption,
    PreserveOption,
    QuietOption,
    VerboseOption,
    check_speech,
)
from lcodec.cli.parts import RegionOption, SalvageOption, ScaleOption, opened
from lcodec.cli.strips import StripsOption, check_files, decode_strips, tell
from lcodec.cli.waiting import waiting
from lcodec.container import DEFAULT_MAX_PIXELS, FileReader, LicFile, Survey
from lcodec.errors import EXIT_SALVAGED, UsageError
from lcodec.timing import Stopwatch
from lcodec.weights import find_model_by_id

if TYPE_CHECKING:
    from lcodec.codec import Decoded
    from lcodec.rescue import Salvaged


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
    test: Annotated[
        bool,
        typer.Option("-t", "--test", help="Decode, and write nothing.", rich_help_panel=FILES),
    ] = False,
    region: RegionOption = None,
    scale: ScaleOption = 1,
    salvage: SalvageOption = False,
    strips: StripsOption = False,
    device: DeviceOption = Device.AUTO,
    preserve: PreserveOption = False,
    max_pixels: MaxPixelsOption = DEFAULT_MAX_PIXELS,
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
    if test:
        if output is not None:
            raise UsageError("`--test` writes nothing and excludes OUT")
        routes.check_source(routes.DECODE, source)
    else:
        output = routes.settle(routes.DECODE, source, output, force=force, as_json=as_json)
    if output is not None and not strips and output.lower().endswith(".npy"):
        raise UsageError(f"{output}: a .npy file is written with `--strips` only")
    start, watch, details = time.perf_counter(), Stopwatch(), Details(verbose)
    part = region is not None or scale != 1
    if part and salvage:
        raise UsageError("`--salvage` is for whole pictures and excludes `--region` and `--scale`")
    if strips:
        if part or salvage:
            raise UsageError("`--strips` excludes `--region`, `--scale` and `--salvage`")
        to = check_files(source, output)
        told = decode_strips(
            source, to, device=device.value, force=force, max_pixels=max_pixels, quiet=quiet
        )
        if preserve:
            paths.keep_time(source, to)
        tell(told, as_json=as_json, quiet=quiet)
        return
    file: LicFile | FileReader | Survey
    salvaged: Salvaged | None = None
    with ExitStack() as stack, waiting(shown=not quiet) as progress:
        with paths.about(paths.shown(source)):
            with watch.stage("reading"):
                if part:
                    file = stack.enter_context(opened(source))
                else:
                    data = paths.read_input(source)
                    sniff.refuse_picture(data)
                    read = container.survey if salvage else container.read
                    file = read(data, max_pixels=max_pixels)
                if not (part or salvage):
                    details.file(container.describe(data, max_pixels=max_pixels))
            if region is not None:
                region.check_inside(file.header)
            model = find_model_by_id(file.header.model_id).name
        progress("loading networks", 0, 1)
        with watch.stage("networks"):
            from lcodec.codec import Codec
            from lcodec.picture import save

            codec = Codec(model=model, device=device.value)
        details.networks(codec)
        with paths.about(paths.shown(source)):
            if isinstance(file, Survey):
                from lcodec.rescue import salvage_found

                salvaged = salvage_found(file, codec, progress)
                decoded = salvaged.decoded
            elif part:
                from lcodec.reader import Reader

                reader = Reader(file, codec=codec, max_pixels=max_pixels)
                decoded = reader.read(region, scale, progress)
            else:
                decoded = codec.decode(file, progress=progress)
        details.picture(decoded.picture)
        stages = watch.seconds | decoded.timings
        notes: tuple[str, ...] = ()
        if output is not None:
            progress("writing", 0, 1)
            with watch.stage("writing"):
                notes = save(decoded.picture, output, overwrite=force)
                if preserve:
                    paths.keep_time(source, output)
            stages |= watch.seconds
    if not quiet and output is not None:
        console.warn(paths.shown(output), notes)
    if salvaged is not None and not quiet:
        console.warn(paths.shown(source), losses(salvaged))
    seconds = time.perf_counter() - start
    details.seconds(stages)
    if as_json:
        record = {"input": source, "output": output, **_record(decoded, model)}
        if salvaged is not None:
            record |= {"lost_tiles": salvaged.boxes, "faults": list(salvaged.faults)}
        console.emit_json(record | {"notes": list(notes), "seconds": seconds, "stages": stages})
    if not quiet:
        size = f"{decoded.picture.width}x{decoded.picture.height}"
        shown = paths.shown(source)
        done = f"{shown}: decodes" if output is None else paths.journey(source, output)
        console.say(f"{done}: {size}, {seconds:.2f} s")
    if salvaged is not None and salvaged.faults:
        raise typer.Exit(EXIT_SALVAGED)


def losses(salvaged: Salvaged) -> list[str]:
    """What is wrong with a file, and what is lost of its picture."""
    told = list(salvaged.faults)
    count = salvaged.decoded.header.tile_count
    for box in salvaged.boxes:
        place = f"{box['left']},{box['top']},{box['width']}x{box['height']}"
        told.append(f"tile {box['index']} of {count} is lost: {place}")
    return told


def _record(decoded: Decoded, model: str) -> dict[str, Any]:
    header = decoded.header
    return {
        "width": decoded.picture.width,
        "height": decoded.picture.height,
        "channels": header.channels,
        "alpha": decoded.alpha is not None,
        "bit_depth": header.bit_depth,
        "quality": header.quality,
        "model": model,
    }
