"""Options shared by several commands, and the help panels they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from lcodec.cli import complete, console, paths
from lcodec.cli.values import measure, parse_quality, whole
from lcodec.container import DEFAULT_MAX_PIXELS
from lcodec.effort import EFFORT_MAX, EFFORT_MIN
from lcodec.errors import UsageError
from lcodec.pipeline.targets import Target
from lcodec.process.startup import use_threads
from lcodec.tunes import TuneName, default_quality
from lcodec.weights import chosen_model

RATE = "Quality and size"
NETWORKS = "Networks"
FILES = "Files"
MESSAGES = "Messages"


class Device(StrEnum):
    """Where networks run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


QUALITY_HELP = (
    "0 to 100; higher is better and larger; with tune visual, roughly the SSIMULACRA2 of"
    f" photographs. {default_quality(TuneName.VISUAL)} if not given,"
    f" {default_quality(TuneName.PSNR)} with tune psnr."
)
TuneOption = Annotated[
    TuneName | None,
    typer.Option(
        "--tune",
        help="Optimised to look good (visual, if not given), or for a small squared error.",
        rich_help_panel=RATE,
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        autocompletion=complete.models,
        help="Pretrained model instead of the tune's; see `lcodec weights list`.",
        rich_help_panel=NETWORKS,
    ),
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="OUT",
        help="File or folder to write; all arguments then are inputs.",
        rich_help_panel=FILES,
    ),
]
ForceOption = Annotated[
    bool,
    typer.Option("-f", "--force", help="Replace existing output.", rich_help_panel=FILES),
]
StripOption = Annotated[
    bool,
    typer.Option("--strip", help="Drop colour profile, EXIF and XMP.", rich_help_panel=FILES),
]
PreserveOption = Annotated[
    bool,
    typer.Option(
        "-p",
        "--preserve",
        help="Give the output the modification time of its source.",
        rich_help_panel=FILES,
    ),
]
MaxPixelsOption = Annotated[
    int,
    typer.Option(
        "--max-pixels",
        metavar="N",
        parser=whole(1),
        help="Refuse larger pictures, as a guard against files made to exhaust memory.",
        rich_help_panel=FILES,
    ),
]
EffortOption = Annotated[
    int,
    typer.Option(
        "-e",
        "--effort",
        metavar="N",
        parser=whole(EFFORT_MIN, EFFORT_MAX),
        help=f"{EFFORT_MIN} to {EFFORT_MAX}; higher is slower, for a better file; decoding time "
        "stays the same.",
        rich_help_panel=RATE,
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", help="Show errors only.", rich_help_panel=MESSAGES)
]


@dataclass(frozen=True)
class Rate:
    """Quality or target size of a file, and the effort spent on it."""

    quality: Annotated[
        int | None,
        typer.Option(
            "-q",
            "--quality",
            metavar="N",
            parser=parse_quality,
            help=QUALITY_HELP,
            rich_help_panel=RATE,
        ),
    ] = None
    target_size: Annotated[
        str | None,
        typer.Option(
            "--target-size",
            metavar="SIZE",
            help="Best file of at most SIZE, in bytes or with KB, MB, KiB, MiB.",
            rich_help_panel=RATE,
        ),
    ] = None
    target_bpp: Annotated[
        float | None,
        typer.Option(
            "--target-bpp",
            metavar="BPP",
            parser=measure("bpp"),
            help="Best file of at most this many bits per pixel.",
            rich_help_panel=RATE,
        ),
    ] = None
    target_psnr: Annotated[
        float | None,
        typer.Option(
            "--target-psnr",
            metavar="DB",
            parser=measure("dB"),
            help="Smallest file with at least this PSNR in dB.",
            rich_help_panel=RATE,
        ),
    ] = None
    target_ssimulacra2: Annotated[
        float | None,
        typer.Option(
            "--target-ssimulacra2",
            metavar="N",
            parser=measure("points"),
            help="Smallest file with at least this SSIMULACRA2, up to 100.",
            rich_help_panel=RATE,
        ),
    ] = None
    tune: TuneOption = None
    effort: EffortOption = 0

    def model(self, named: str | None) -> str:
        """The model that is ``named``, or that of the tune; raises as `chosen_model`."""
        return chosen_model(named, self.tune)

    def target(self) -> Target | None:
        """The target asked for, or None.

        Raises:
            UsageError: more than one, or one with a quality; or an invalid value.
        """
        values = {
            "--quality": self.quality,
            "--target-size": self.target_size,
            "--target-bpp": self.target_bpp,
            "--target-psnr": self.target_psnr,
            "--target-ssimulacra2": self.target_ssimulacra2,
        }
        given = [name for name, value in values.items() if value is not None]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} cannot be combined: give one of them")
        if self.target_size is not None:
            with paths.about("--target-size"):
                return Target.size(self.target_size)
        if self.target_bpp is not None:
            return Target.bpp(self.target_bpp)
        if self.target_psnr is not None:
            return Target.psnr(self.target_psnr)
        points = self.target_ssimulacra2
        return None if points is None else Target.ssimulacra2(points)


@dataclass(frozen=True)
class Networks:
    """Where the networks run."""

    device: Annotated[
        Device,
        typer.Option(
            "--device",
            help="Where the networks run; auto uses a GPU if there is one.",
            rich_help_panel=NETWORKS,
        ),
    ] = Device.AUTO
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            metavar="N",
            parser=whole(1),
            help="CPU threads per process; if not given, free cores, or a share of all.",
            rich_help_panel=NETWORKS,
        ),
    ] = None

    def prepare(self) -> None:
        """Set the number of threads, if given, before torch is imported."""
        if self.threads is not None:
            use_threads(self.threads)


@dataclass(frozen=True)
class Writing:
    """How files are written, and which are refused."""

    preserve: PreserveOption = False
    max_pixels: MaxPixelsOption = DEFAULT_MAX_PIXELS
    force: ForceOption = False


@dataclass(frozen=True)
class Messages:
    """What is printed, and for whom.

    Raises:
        UsageError: both quiet and verbose.
    """

    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print the figures as JSON on standard output; one line per file.",
            rich_help_panel=MESSAGES,
        ),
    ] = False
    verbose: Annotated[
        bool,
        typer.Option(
            "-v",
            "--verbose",
            help="Show what is done, with what, and how long it takes.",
            rich_help_panel=MESSAGES,
        ),
    ] = False
    quiet: QuietOption = False

    def __post_init__(self) -> None:
        if self.quiet and self.verbose:
            raise UsageError("--quiet and --verbose cannot be combined")

    def say(self, text: str) -> None:
        """Print a line for people, unless quiet."""
        if not self.quiet:
            console.say(text)

    def warn(self, name: str, notes: Iterable[str]) -> None:
        """Print all warnings about ``name`` as one line, unless quiet."""
        if not self.quiet:
            console.warn(name, notes)

    def record(self, record: dict[str, Any]) -> None:
        """Print a line of JSON, if asked for."""
        if self.as_json:
            console.emit_json(record)
