"""The output of ``-v``: rows on standard error, each as soon as it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from lcodec.cli import console, figures
from lcodec.container import Description, is_mostly_metadata
from lcodec.pipeline.targets import percent
from lcodec.plurals import counted

if TYPE_CHECKING:
    from lcodec.library.codec import Codec
    from lcodec.picture import Picture
    from lcodec.pipeline.encoder import Trial

_COLOURS = {1: "gray", 3: "RGB"}
_ALPHAS = {"none": "", "plane": " with alpha", "opaque": " with opaque alpha"}
_LABEL = 9


class Details:
    """Prints rows, or nothing if they are not ``wanted``."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted

    def say(self, label: str, text: str) -> None:
        """One row."""
        if self.wanted:
            console.say(f"  {label:<{_LABEL}} {console.on_one_line(text)}")

    def picture(self, picture: Picture) -> None:
        """Size, mode and metadata of a picture that was read."""
        alpha = "" if picture.alpha is None else " with alpha"
        colours = _COLOURS[picture.channels]
        parts = [
            f"{picture.width}x{picture.height} {colours}{alpha}, {picture.bit_depth} bit",
            *(f"{name} {figures.exact(len(data))}" for name, data in _metadata(picture) if data),
        ]
        self.say("picture", ", ".join(parts))

    def networks(self, codec: Codec, label: str = "model") -> None:
        """Which model runs, and where."""
        if not self.wanted:
            return
        import torch  # already imported, or there would be no codec

        loaded, threads = codec.loaded, torch.get_num_threads()
        self.say(
            label,
            f"{loaded.name} ({loaded.entropy.fourcc}), tune {loaded.config.tune}, "
            f"id {loaded.model_id.hex()}, on {loaded.device} with "
            f"{loaded.entropy.carrier.name} products, {counted(threads, 'thread')}",
        )

    def trials(self, trials: Iterable[Trial]) -> None:
        """Every level that was tried for a target."""
        for trial in trials:
            parts = [f"quality {trial.quality}", f"effort {trial.effort}"]
            if trial.kept < 1.0:
                parts.append(f"{percent(trial.kept)} of the latents")
            if trial.size is not None:
                parts.append(figures.exact(trial.size))
            if trial.psnr is not None:
                parts.append(f"{trial.psnr:.3f} dB")
            if trial.ssimulacra2 is not None:
                parts.append(f"SSIMULACRA2 {trial.ssimulacra2:.2f}")
            self.say("tried", ", ".join(parts))

    def file(self, describe: Callable[[], Description], label: str = "file") -> None:
        """Tiles, streams and sections of a file, which is described for this alone.

        That takes another look at every byte.
        """
        if not self.wanted:
            return
        description = describe()
        header = description["header"]
        edge = header["tile_edge"]
        rows, columns = header["tiles_y"], header["tiles_x"]
        self.say("tiles", f"{columns}x{rows} of up to {edge}x{edge} pixels")
        parts = [figures.exact(description["total_bytes"]), *sizes(description)]
        self.say(label, ", ".join(parts))

    def seconds(self, stages: Mapping[str, float]) -> None:
        """How long each stage took."""
        self.say("seconds", ", ".join(f"{name} {spent:.2f}" for name, spent in stages.items()))


def sizes(description: Description) -> list[str]:
    """Bytes of the parts of a file, those that it has."""
    tiles = description["tiles"]
    parts = {
        "latent": sum(tile["latent_bytes"] for tile in tiles),
        "hyper": sum(tile["hyper_bytes"] for tile in tiles),
        "lossless": description["layer_bytes"],
        "alpha": description["alpha_bytes"],
        "metadata": description["metadata_bytes"],
        "overhead": description["overhead_bytes"],
    }
    return [f"{name} {size:,}" for name, size in parts.items() if size]


def metadata_share(part: int, whole: int, name: str = "the file", others: int = 0) -> list[str]:
    """A note if metadata makes up half of a file or more, and so of ``others`` more files."""
    if not is_mostly_metadata(part, whole):
        return []
    share = f"{figures.exact(part)}, {figures.share(part, whole)} of {name}"
    if others:
        share += f", and half or more of {counted(others, 'other file')}"
    return [f"metadata makes up {share}; `--strip` drops it"]


def growth(part: int, whole: int, name: str, others: int = 0) -> str:
    """A note that a file has more bytes than its source, and so have ``others`` more files."""
    more = f"; so {'is' if others == 1 else 'are'} {others} more" if others else ""
    return f"{name} is larger than its source of {figures.exact(whole)}{more}"


def remarks(size: int, before: int | None, metadata: int) -> list[str]:
    """Notes on an encoded file of ``size`` bytes that one would not expect.

    ``before`` is the size of its source, if known, ``metadata`` the bytes of its metadata.
    """
    notes = metadata_share(metadata, size)
    if before is not None and size > before:
        notes.insert(0, f"larger than its source of {figures.exact(before)}")
    return notes


def mode(description: Description) -> str:
    """Size, mode and depth of the picture in a file."""
    header = description["header"]
    return (
        f"{header['width']}x{header['height']} {_COLOURS[header['channels']]}"
        f"{_ALPHAS[header['alpha']]}, {header['bit_depth']} bit"
    )


def _metadata(picture: Picture) -> list[tuple[str, bytes | None]]:
    data = picture.metadata
    return [("ICC", data.icc), ("EXIF", data.exif), ("XMP", data.xmp)]
