"""``lcodec encode``: pictures to ``.lic`` files."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcodec import container
from lcodec.cli import complete, figures, paths, routes
from lcodec.cli.details import Details, remarks
from lcodec.cli.options import (
    FILES,
    Messages,
    ModelOption,
    Networks,
    OutputOption,
    Rate,
    StripOption,
    Writing,
)
from lcodec.cli.parts import StripsOption
from lcodec.cli.routes import Way
from lcodec.cli.several import Done, run_each
from lcodec.cli.skeleton import spread
from lcodec.cli.strips import StripEncoding
from lcodec.cli.waiting import waiting
from lcodec.errors import UsageError
from lcodec.pipeline.targets import Target, percent
from lcodec.process.progress import Progress
from lcodec.process.timing import Stopwatch
from lcodec.weights import require_model

if TYPE_CHECKING:
    from lcodec.library.codec import Codec
    from lcodec.picture import Picture
    from lcodec.pipeline.encoder import Encoded


@spread
def encode(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="IN... [OUT]",
            help="Pictures, or `-`; then the file or folder to write, or `-`. If not given, IN "
            "with suffix .lic.",
            autocompletion=complete.pictures,
        ),
    ],
    rate: Rate,
    model: ModelOption = None,
    *,
    networks: Networks,
    output: OutputOption = None,
    strip: StripOption = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Decode the symbols again and compare them before writing.",
            rich_help_panel=FILES,
        ),
    ] = False,
    strips: StripsOption = False,
    writing: Writing,
    messages: Messages,
) -> None:
    """Encode pictures to .lic files.

    Pictures can be PNG, JPEG, WebP, AVIF, TIFF, BMP, PPM, GIF, JPEG 2000, QOI or HEIC, gray or
    colour, with 8 or 16 bits. Alpha, colour profile, EXIF and XMP are kept. Several pictures are
    encoded into a folder, or each next to its source; one that fails does not stop the rest.
    """
    target, name = rate.target(), rate.model(model)
    if strips and (target is not None or rate.effort > 0 or verify):
        raise UsageError(
            "`--strips` cannot be combined with targets, `--effort` above 0 or `--verify`"
        )
    route = routes.ENCODE_STRIPS if strips else routes.ENCODE
    ways = routes.ways(route, files, output, force=writing.force, as_json=messages.as_json)
    require_model(name)
    if strips:
        by_rows = StripEncoding(rate.quality, rate.effort, name, strip, networks, writing, messages)
        run_each(ways, by_rows, messages, rated=True)
        return
    work = _Work(rate, target, name, networks, strip, verify, writing, messages)
    run_each(ways, work, messages, rated=True)


@dataclass
class _Work:
    """Encodes one file after another; the networks are loaded for the first."""

    rate: Rate
    target: Target | None
    model: str
    networks: Networks
    strip: bool
    verify: bool
    writing: Writing
    messages: Messages
    codec: Codec | None = None

    def __call__(self, way: Way, named: Callable[[Progress], Progress]) -> Done:
        from lcodec.picture import load

        messages, limit = self.messages, self.writing.max_pixels
        source, output, shown = way.source, way.output, paths.shown(way.source)
        start, watch, details = time.perf_counter(), Stopwatch(), Details(messages.verbose)
        with waiting(shown=not messages.quiet) as bar:
            progress = named(bar)
            with watch.stage("reading"):
                given = BytesIO(paths.read_input(source)) if source == paths.STANDARD else source
                picture = load(given, metadata=not self.strip, max_pixels=limit, name=shown)
            details.picture(picture)
            if self.codec is None:
                progress("loading networks", 0, 1)
                with watch.stage("networks"):
                    # Only now: bad pictures fail without torch.
                    from lcodec.library.codec import Codec

                    self.networks.prepare()
                    self.codec = Codec(model=self.model, device=self.networks.device.value)
                details.networks(self.codec)
            with paths.about(shown):
                encoded = self.codec.encode_detailed(
                    picture,
                    self.rate.quality,
                    target=self.target,
                    effort=self.rate.effort,
                    progress=progress,
                )
                stages = watch.seconds | encoded.timings
                if self.verify:
                    with watch.stage("verification"):
                        file = container.read(encoded.data, max_pixels=limit)
                        self.codec.decode_symbols(file, progress)
        with watch.stage("writing"):
            paths.write_output(output, encoded.data, force=self.writing.force)
            if self.writing.preserve:
                paths.keep_time(source, output)
        stages |= watch.seconds
        seconds = time.perf_counter() - start
        description = container.describe(encoded.data, max_pixels=limit)
        details.trials(encoded.trials)
        details.file(lambda: description)
        details.seconds(stages)
        record = _record(source, output, self.model, picture, encoded)
        record |= {"effort": self.rate.effort}
        record |= {"target": None if self.target is None else str(self.target)}
        messages.record(record | {"seconds": seconds, "stages": stages})
        size, before = len(encoded.data), paths.file_size(source)
        written = paths.shown(output, "standard output")
        messages.warn(shown, encoded.notes)
        messages.warn(written, remarks(size, before, description["metadata_bytes"]))
        line = figures.journey(shown, before, written, size)
        if before:
            line += f" ({figures.share(size, before)})"
        pixels = picture.width * picture.height
        if self.target is not None:
            line += f", quality {encoded.quality}"
            line += f" with {percent(encoded.kept)} of its latents" if encoded.kept < 1.0 else ""
        messages.say(f"{line}, {figures.rate(size, pixels)}, {figures.seconds(seconds)}")
        return Done(before, size, size, pixels)


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
        "kept": encoded.kept,
        "evaluations": encoded.evaluations,
        "ssimulacra2": encoded.ssimulacra2,
        "psnr": encoded.psnr if encoded.psnr is not None and isfinite(encoded.psnr) else None,
        "model": model,
        "bytes": len(encoded.data),
        "bpp": 8 * len(encoded.data) / (picture.width * picture.height),
        "estimated_bits_y": encoded.estimated_bits_y,
        "estimated_bits_z": encoded.estimated_bits_z,
        "layer_bytes": encoded.layer_bytes,
        "notes": list(encoded.notes),
    }
