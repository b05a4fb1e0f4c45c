"""``--strips`` of ``encode`` and ``decode``: pictures that do not fit into memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lcodec.cli import figures, paths
from lcodec.cli.details import Details, remarks
from lcodec.cli.licfiles import opened
from lcodec.cli.options import Messages, Networks, Writing
from lcodec.cli.routes import Way
from lcodec.cli.several import Done
from lcodec.cli.waiting import waiting
from lcodec.container import Alpha
from lcodec.limits import DecoderLimits
from lcodec.process.atomic import atomic_write
from lcodec.process.progress import Progress
from lcodec.weights import find_model_by_id

if TYPE_CHECKING:
    from lcodec.library.codec import Codec
    from lcodec.picture import Samples


@dataclass
class StripEncoding:
    """Encodes one file after another by rows; the networks are loaded for the first.

    Raises:
        InputError: a file cannot be read by rows, or a row of tiles exceeds a limit.
        OutputError: the output cannot be written.
    """

    quality: int | None
    effort: int
    model: str
    strip: bool
    networks: Networks
    writing: Writing
    messages: Messages
    codec: Codec | None = None

    def __call__(self, way: Way, named: Callable[[Progress], Progress]) -> Done:
        from lcodec.picture.rows import open_rows

        messages, source, output = self.messages, way.source, way.output
        start, details = time.perf_counter(), Details(messages.verbose)
        rows = open_rows(source)
        messages.warn(source, rows.notes)
        with waiting(shown=not messages.quiet) as bar:
            progress = named(bar)
            if self.codec is None:
                progress("loading networks", 0, 1)
                from lcodec.library.codec import Codec

                self.networks.prepare()
                self.codec = Codec(model=self.model, device=self.networks.device.value)
                details.networks(self.codec)
            from lcodec.strips import encode_strips

            with paths.about(source):
                header = self.codec.strip_header(rows, self.quality)
                DecoderLimits.for_pixels(self.writing.max_pixels).check_strip(header)
            with atomic_write(output, overwrite=self.writing.force) as stream, paths.about(source):
                encoded = encode_strips(
                    self.codec,
                    rows,
                    stream,
                    self.quality,
                    effort=self.effort,
                    strip=self.strip,
                    progress=progress,
                )
        if self.writing.preserve:
            paths.keep_time(source, output)
        pixels, before, size = header.pixels, paths.file_size(source), encoded.size
        seconds = time.perf_counter() - start
        record = {
            "input": source,
            "output": output,
            "width": rows.width,
            "height": rows.height,
            "channels": rows.channels,
            "alpha": False,
            "bit_depth": rows.bit_depth,
            "quality": header.quality,
            "model": self.model,
            "bytes": size,
            "bpp": 8 * size / pixels,
            "notes": list(rows.notes),
            "seconds": seconds,
        }
        messages.record(record)
        messages.warn(output, remarks(size, before, encoded.metadata_bytes))
        line = figures.journey(source, before, output, size)
        if before:
            line += f" ({figures.share(size, before)})"
        messages.say(f"{line}, {figures.rate(size, pixels)}, {figures.seconds(seconds)}")
        return Done(before, size, size, pixels)


@dataclass(frozen=True)
class StripDecoding:
    """Decodes one file after another by rows.

    Raises:
        FormatError, UnsupportedError, WeightsError, MismatchError: as `lcodec.decode`.
        InputError: a row of tiles exceeds a limit.
        OutputError: the output cannot be written.
        UsageError: colours as ``.pgm``, which has none.
    """

    networks: Networks
    writing: Writing
    messages: Messages

    def __call__(self, way: Way, named: Callable[[Progress], Progress]) -> Done:
        messages, limits = self.messages, DecoderLimits.for_pixels(self.writing.max_pixels)
        source, output = way.source, way.output
        start, details = time.perf_counter(), Details(messages.verbose)
        with waiting(shown=not messages.quiet) as bar, ExitStack() as stack:
            progress = named(bar)
            with paths.about(source):
                file = stack.enter_context(opened(source, limits))
                header, size = file.header, file.size
                limits.check_strip(header)
                model = find_model_by_id(header.model_id).name
                progress("loading networks", 0, 1)
                from lcodec.library.shared import shared_codec
                from lcodec.picture.rowfiles import save_rows
                from lcodec.strips import decode_strips

                self.networks.prepare()
                codec = shared_codec(model, self.networks.device.value)
                details.networks(codec)
                picture = decode_strips(codec, file, progress, limits=limits)
            notes: tuple[str, ...] = ()
            bands = _about(source, picture.bands)
            if output:
                shown = replace(picture, bands=bands)
                notes = save_rows(shown, output, overwrite=self.writing.force)
            else:
                for _ in bands:
                    pass
        if output and self.writing.preserve:
            paths.keep_time(source, output)
        messages.warn(output, notes)
        seconds = time.perf_counter() - start
        record = {
            "input": source,
            "output": output or None,
            "width": header.width,
            "height": header.height,
            "channels": header.channels,
            "alpha": header.alpha is not Alpha.NONE,
            "bit_depth": header.bit_depth,
            "quality": header.quality,
            "model": model,
            "notes": list(notes),
            "seconds": seconds,
        }
        messages.record(record)
        after = paths.file_size(output) if output else None
        line = outcome(source, size, output, after)
        messages.say(f"{line}, {header.width}x{header.height}, {figures.seconds(seconds)}")
        return Done(size, after, size, header.pixels)


def _about(source: str, bands: Iterator[Samples]) -> Iterator[Samples]:
    """The same, with the name of their file in errors, and not in those of what writes them."""
    with paths.about(source):
        yield from bands


def outcome(shown: str, before: int, output: str, after: int | None) -> str:
    """The result line of a ``.lic`` file of ``before`` bytes; no output if it was only tested."""
    if not output:
        return f"{shown} {figures.size(before)}: decodes"
    if output == paths.STANDARD:
        return f"{shown} {figures.size(before)} -> standard output"
    return figures.journey(shown, before, output, after)
