"""``lcodec decode``: ``.lic`` files to pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcodec import container
from lcodec.cli import complete, figures, paths, routes
from lcodec.cli.details import Details
from lcodec.cli.licfiles import read_lic
from lcodec.cli.options import FILES, Messages, Networks, OutputOption, Writing
from lcodec.cli.routes import Way
from lcodec.cli.several import Done, run_each
from lcodec.cli.skeleton import spread
from lcodec.cli.values import format_suffix
from lcodec.cli.waiting import waiting
from lcodec.errors import UsageError
from lcodec.limits import DecoderLimits
from lcodec.progress import Progress
from lcodec.timing import Stopwatch
from lcodec.weights import find_model_by_id

if TYPE_CHECKING:
    from lcodec.codec import Decoded

FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        autocompletion=complete.picture_formats,
        help="Format of pictures whose name is not given: png (if not given), tif, ...",
        rich_help_panel=FILES,
    ),
]


@spread
def decode(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="IN... [OUT]",
            help="The .lic files, or `-`; then a picture to write (.png .tif .webp .jp2 .qoi .bmp "
            ".ppm lossless, .jpg .avif), a folder, or `-` for PNG. IN with .png if not given.",
            autocompletion=complete.lic_files,
        ),
    ],
    output: OutputOption = None,
    picture_format: FormatOption = None,
    test: Annotated[
        bool,
        typer.Option("-t", "--test", help="Decode, and write nothing.", rich_help_panel=FILES),
    ] = False,
    *,
    networks: Networks,
    writing: Writing,
    messages: Messages,
) -> None:
    """Decode .lic files to pictures.

    A picture has the mode and the depth of the source, and its metadata. Its format is that of
    OUT's suffix; what the format cannot hold is named in a warning. Several go to a folder, or
    each beside its file; one that fails does not stop the rest.
    """
    route = replace(routes.DECODE, suffix=format_suffix(picture_format))
    if test:
        sources, output = routes.split(route, files, output)
        if output is not None:
            raise UsageError("`--test` writes nothing and excludes OUT")
        ways = routes.checked(route, sources)
    else:
        ways = routes.ways(route, files, output, force=writing.force, as_json=messages.as_json)
    run_each(ways, _Work(networks, writing, messages), messages, rated=False)


@dataclass(frozen=True)
class _Work:
    """Decodes one file after the other; networks that were loaded for one stay for the next."""

    networks: Networks
    writing: Writing
    messages: Messages

    def __call__(self, way: Way, named: Callable[[Progress], Progress]) -> Done:
        messages, limits = self.messages, DecoderLimits.for_pixels(self.writing.max_pixels)
        source, output, shown = way.source, way.output, paths.shown(way.source)
        start, watch, details = time.perf_counter(), Stopwatch(), Details(messages.verbose)
        with paths.about(shown):
            with watch.stage("reading"):
                data = read_lic(source, limits)
                file = container.read(data, limits=limits)
            details.file(container.describe(data, limits=limits))
            model = find_model_by_id(file.header.model_id).name
        notes: tuple[str, ...] = ()
        with waiting(shown=not messages.quiet) as bar:
            progress = named(bar)
            progress("loading networks", 0, 1)
            with watch.stage("networks"):
                from lcodec.codec import shared_codec
                from lcodec.picture import save

                self.networks.prepare()
                codec = shared_codec(model, self.networks.device.value)
            details.networks(codec)
            with paths.about(shown):
                decoded = codec.decode(file, progress=progress)
            details.picture(decoded.picture)
            stages = watch.seconds | decoded.timings
            if output:
                progress("writing", 0, 1)
                with watch.stage("writing"):
                    notes = save(decoded.picture, output, overwrite=self.writing.force)
                    if self.writing.preserve:
                        paths.keep_time(source, output)
                stages |= watch.seconds
        if output:
            messages.warn(paths.shown(output, "standard output"), notes)
        seconds = time.perf_counter() - start
        details.seconds(stages)
        record = {"input": source, "output": output or None, **_record(decoded, model)}
        messages.record(record | {"notes": list(notes), "seconds": seconds, "stages": stages})
        header = decoded.header
        after = (paths.file_size(output) if output else None) or 0
        if not output:
            line = f"{shown} {figures.size(len(data))}: decodes"
        elif output == paths.STANDARD:
            line = f"{shown} {figures.size(len(data))} -> standard output"
        else:
            line = figures.journey(shown, len(data), output, after)
        messages.say(f"{line}, {header.width}x{header.height}, {figures.seconds(seconds)}")
        return Done(len(data), after, len(data), header.pixels)


def _record(decoded: Decoded, model: str) -> dict[str, Any]:
    header = decoded.header
    return {
        "width": header.width,
        "height": header.height,
        "channels": header.channels,
        "alpha": decoded.alpha is not None,
        "bit_depth": header.bit_depth,
        "quality": header.quality,
        "model": model,
    }
