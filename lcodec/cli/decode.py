"""``lcodec decode``: ``.lic`` files to pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcodec import container
from lcodec.cli import complete, figures, paths, routes
from lcodec.cli.console import emit_bytes
from lcodec.cli.details import Details
from lcodec.cli.licfiles import opened, read_damaged, read_lic
from lcodec.cli.options import FILES, Messages, Networks, OutputOption, Writing
from lcodec.cli.parts import Parts
from lcodec.cli.routes import Way
from lcodec.cli.several import Done, run_each
from lcodec.cli.skeleton import spread
from lcodec.cli.strips import StripDecoding, outcome
from lcodec.cli.values import format_suffix
from lcodec.cli.waiting import waiting
from lcodec.container import FileReader, LicFile, Survey
from lcodec.errors import Exit, UsageError
from lcodec.limits import DecoderLimits
from lcodec.process.progress import Progress
from lcodec.process.timing import Stopwatch
from lcodec.weights import find_model_by_id

if TYPE_CHECKING:
    from lcodec.library.decoded import Decoded
    from lcodec.library.salvage import Salvaged
    from lcodec.picture import Picture

_LOSSES = 8  # lost tiles that a warning lists one by one

FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        autocompletion=complete.picture_formats,
        help="Format of pictures whose names do not tell, such as tif; png if not given.",
        rich_help_panel=FILES,
    ),
]


@spread
def decode(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="IN... [OUT]",
            help="The .lic files, or `-`; then the picture to write (.png .tif .webp .jp2 .qoi "
            ".bmp .ppm lossless, .jpg .avif lossy), a folder, or `-` for standard output. "
            "If not given, IN with the suffix of the format.",
            autocompletion=complete.lic_files,
        ),
    ],
    output: OutputOption = None,
    picture_format: FormatOption = None,
    test: Annotated[
        bool,
        typer.Option(
            "-t", "--test", help="Decode without writing anything.", rich_help_panel=FILES
        ),
    ] = False,
    *,
    parts: Parts,
    networks: Networks,
    writing: Writing,
    messages: Messages,
) -> None:
    """Decode .lic files to pictures.

    Pictures keep the mode, depth and metadata of the source. OUT's suffix sets the format; a
    warning names whatever the format cannot hold. Several files are decoded into a folder, or each
    next to its source; one that fails does not stop the rest.
    """
    plain = routes.DECODE_STRIPS if parts.strips else routes.DECODE
    suffix = format_suffix(picture_format, plain.formats)
    route = replace(plain, suffix=suffix, chosen=picture_format is not None)
    if test:
        sources, output = routes.split(route, files, output)
        if output is not None:
            raise UsageError("`--test` writes nothing and cannot be combined with OUT")
        ways = routes.checked(route, sources)
    else:
        ways = routes.ways(route, files, output, force=writing.force, as_json=messages.as_json)
    if parts.strips:
        run_each(ways, StripDecoding(networks, writing, messages), messages, rated=False)
    else:
        run_each(ways, _Work(parts, networks, writing, messages, suffix), messages, rated=False)


@dataclass(frozen=True)
class _Work:
    """Decodes one file after another, keeping loaded networks for the next."""

    parts: Parts
    networks: Networks
    writing: Writing
    messages: Messages
    suffix: str

    def __call__(self, way: Way, named: Callable[[Progress], Progress]) -> Done:
        messages, limits = self.messages, DecoderLimits.for_pixels(self.writing.max_pixels)
        source, output, shown = way.source, way.output, paths.shown(way.source)
        start, watch, details = time.perf_counter(), Stopwatch(), Details(messages.verbose)
        with ExitStack() as stack:
            with paths.about(shown), watch.stage("reading"):
                file, size = self._read(source, limits, details, stack)
                if self.parts.region is not None:
                    self.parts.region.check_inside(file.header)
                model = find_model_by_id(file.header.model_id).name
            progress = named(stack.enter_context(waiting(shown=not messages.quiet)))
            progress("loading networks", 0, 1)
            with watch.stage("networks"):
                from lcodec.library.shared import shared_codec

                self.networks.prepare()
                codec = shared_codec(model, self.networks.device.value)
            details.networks(codec)
            with paths.about(shown):
                salvaged: Salvaged | None = None
                if isinstance(file, Survey):
                    from lcodec.library.salvage import salvage_found

                    salvaged = salvage_found(file, codec, progress)
                    decoded = salvaged.decoded
                elif isinstance(file, FileReader):
                    from lcodec.library.reader import Reader

                    reader = Reader(file, codec=codec, limits=limits, kept=0)
                    decoded = reader.read(self.parts.region, self.parts.scale, progress)
                else:
                    decoded = codec.decode(file, progress=progress)
            details.picture(decoded.picture)
            stages = watch.seconds | decoded.timings
            notes: tuple[str, ...] = ()
            if output:
                progress("writing", 0, 1)
                with watch.stage("writing"):
                    notes = self._write(decoded.picture, output)
                    if self.writing.preserve:
                        paths.keep_time(source, output)
                stages |= watch.seconds
        if output:
            messages.warn(paths.shown(output, "standard output"), notes)
        seconds = time.perf_counter() - start
        details.seconds(stages)
        record = {"input": source, "output": output or None, **_record(decoded, model)}
        status = Exit.SUCCESS
        if salvaged is not None:
            record |= {"lost_tiles": salvaged.boxes, "faults": list(salvaged.faults)}
            record |= {"partial_tiles": salvaged.partial_boxes}
            messages.warn(shown, losses(salvaged))
            status = Exit.SALVAGED if salvaged.faults else status
        messages.record(record | {"notes": list(notes), "seconds": seconds, "stages": stages})
        picture = decoded.picture
        after = paths.file_size(output) if output else None
        line = outcome(shown, size, output, after)
        messages.say(f"{line}, {picture.width}x{picture.height}, {figures.seconds(seconds)}")
        return Done(size, after, size, picture.width * picture.height, status=status)

    def _write(self, picture: Picture, output: str) -> tuple[str, ...]:
        from lcodec.picture import save

        if output != paths.STANDARD:
            suffix = Path(output).suffix or self.suffix
            return save(picture, output, suffix=suffix, overwrite=self.writing.force)
        buffer = BytesIO()
        notes = save(picture, buffer, suffix=self.suffix, name="standard output")
        emit_bytes(buffer.getvalue())
        return notes

    def _read(
        self, source: str, limits: DecoderLimits, details: Details, stack: ExitStack
    ) -> tuple[LicFile | FileReader | Survey, int]:
        """A file to decode, which ``stack`` closes, and its size in bytes."""
        if self.parts.partial:
            reader = stack.enter_context(opened(source, limits))
            return reader, reader.size
        if self.parts.salvage:
            data = read_damaged(source, limits)
            return container.survey(data, limits=limits), len(data)
        data = read_lic(source, limits)
        file = container.read(data, limits=limits)
        details.file(lambda: container.describe(data, limits=limits))
        return file, len(data)


def losses(salvaged: Salvaged) -> list[str]:
    """The faults of a file, and the lost parts of its picture."""
    told = list(salvaged.faults)
    count, boxes = salvaged.decoded.header.tile_count, salvaged.boxes
    for box in boxes[:_LOSSES]:
        place = f"{box['left']},{box['top']},{box['width']}x{box['height']}"
        told.append(f"tile {box['index']} of {count} is lost: {place}")
    if len(boxes) > _LOSSES:
        told.append(f"{len(boxes) - _LOSSES} more tiles are lost")
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
