"""The summary of a benchmark as plain data: means, BD-rates, times by stage, and problems."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from lcodec.bench.bdrate import NAMES, BdRate, bd_rate
from lcodec.bench.curves import ANCHOR, Curve, Metric, published_curve
from lcodec.bench.extras import MissingExtraError
from lcodec.bench.results import (
    BenchResult,
    PictureResult,
    QualityMean,
    result_to_json,
    without_infinities,
)
from lcodec.errors import UsageError
from lcodec.plurals import counted

STAGES = ("analysis", "entropy network", "range coder", "synthesis")
"""Stages that a codec times itself; the rest of its time is shown as ``other``."""
PEER_METRICS: tuple[Metric, ...] = ("ssimulacra2", "psnr", "ms_ssim")
"""Measures of comparisons on the same pictures, as in `PeerRow`."""
START_UP = "start-up"
OTHER = "other"

COMPARED = (
    *(ANCHOR, "hpcm-large", "mlic++", "elic", "cheng2020-anchor", "mbt2018", "av1", "bpg"),
    *("hyperprior", "avif444_10b_s6_psnr", "avif420_s6", "heic444", "jp2k", "webp", "jpeg420"),
)
"""Names of the published curves to compare with by default."""

RATE_TOLERANCE = 1.0
"""Percent by which coded and estimated bits may differ; more indicates a fault in the codec."""

MIN_LEVELS = 8
"""Least number of quality levels for a rate-distortion figure."""


MIN_OVERLAP = 0.25
"""Least part of the shorter curve that a BD-rate is over, without a note that it says little."""


@dataclass(frozen=True)
class BdRow:
    """BD-rate of the measured codec against one curve, or why there is none.

    ``overlap`` as in `BdRate`.
    """

    against: str
    title: str
    percent: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    overlap: float | None = None


@dataclass(frozen=True)
class PeerRow:
    """BD-rates in percent against another codec on the same pictures, by measure.

    None if the curves share no range of the measure. ``rates`` has them with their ranges, by
    measure, where there is one.
    """

    against: str
    title: str
    ssimulacra2: float | None
    psnr: float | None
    ms_ssim: float | None
    rates: dict[Metric, BdRate]


@dataclass(frozen=True)
class StageRow:
    """Mean seconds per picture of one stage of encoding or decoding.

    ``share`` is in percent of the time with weights loaded (None for the start-up),
    ``share_once`` in percent of a run for a single picture, start-up included (None if unknown).
    """

    stage: str
    seconds: float
    share: float | None
    share_once: float | None


@dataclass(frozen=True)
class Summary:
    """All that the report shows, as plain data."""

    name: str
    pictures: int
    megapixels: float
    means: tuple[QualityMean, ...]
    bd_rates: tuple[BdRow, ...]
    peers: tuple[PeerRow, ...]
    encode_stages: tuple[StageRow, ...]
    decode_stages: tuple[StageRow, ...]
    notes: tuple[str, ...]


def summarize(result: BenchResult, against: Iterable[Curve] | None = None) -> Summary:
    """The summary of ``result``, compared with the curves ``against``.

    By default these are the published ones of `COMPARED`, which are for the 24 Kodak pictures; with
    other pictures there are none. Codecs measured on the same pictures, if ``result`` has them, are
    always included.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    published = COMPARED if against is None and result.is_kodak() else ()
    curves = [*(published_curve(name) for name in published), *(against or ())]
    rows = result.results
    startup = result.startup_seconds
    bd_rates = tuple(_bd_row(curve, result.curve()) for curve in curves)
    peers = tuple(_peer_row(curve, result.curve()) for curve in result.peers)
    return Summary(
        name=result.name,
        pictures=len(result.pictures),
        megapixels=sum(row.width * row.height for row in _once_each(rows)) / 1e6,
        means=tuple(result.means()),
        bd_rates=bd_rates,
        peers=peers,
        encode_stages=_stages([(r.encode_seconds, r.encode_stages) for r in rows], startup),
        decode_stages=_stages([(r.decode_seconds, r.decode_stages) for r in rows], startup),
        notes=(*_notes(result), *_overlap_notes(bd_rates, peers)),
    )


def report_to_json(result: BenchResult, summary: Summary) -> str:
    """The JSON of `result_to_json` with the summary added under the key ``summary``."""
    tree = json.loads(result_to_json(result))
    tree["summary"] = without_infinities(asdict(summary))
    means = zip(tree["summary"]["means"], summary.means, strict=True)
    for entry, mean in means:
        entry["rate_difference"] = without_infinities(mean.rate_difference)
    return json.dumps(tree, indent=1, allow_nan=False) + "\n"


def _once_each(rows: Sequence[PictureResult]) -> list[PictureResult]:
    return list({row.picture: row for row in rows}.values())


def _bd_row(anchor: Curve, measured: Curve) -> BdRow:
    try:
        value = bd_rate(anchor, measured)
    except MissingExtraError:
        raise
    except UsageError as error:
        return BdRow(anchor.name, anchor.title, None, reason=str(error))
    return BdRow(anchor.name, anchor.title, **vars(value))


def _peer_row(anchor: Curve, measured: Curve) -> PeerRow:
    found: dict[Metric, BdRate] = {}
    for metric in PEER_METRICS:
        try:
            found[metric] = bd_rate(anchor, measured, metric=metric)
        except MissingExtraError:
            raise
        except UsageError:
            continue
    percents = {m: found[m].percent if m in found else None for m in PEER_METRICS}
    return PeerRow(anchor.name, anchor.title, rates=found, **percents)


def _overlap_notes(bd_rates: Sequence[BdRow], peers: Sequence[PeerRow]) -> Iterator[str]:
    """Notes on curves that share so little that their BD-rate says nothing of the rest."""
    overlaps: list[tuple[Metric, str, float | None]] = [
        ("psnr", row.title, row.overlap) for row in bd_rates
    ]
    for peer in peers:
        overlaps += [(metric, peer.title, rate.overlap) for metric, rate in peer.rates.items()]
    for metric in PEER_METRICS:
        short = [
            title
            for of, title, overlap in overlaps
            if of == metric and overlap is not None and overlap < MIN_OVERLAP
        ]
        if short:
            yield (
                f"the BD-rate in {NAMES[metric]} is over less than {100 * MIN_OVERLAP:g} % of the"
                f" range of a curve, and says little of the rest, against {'; '.join(short)}"
            )


def _stages(
    times: Sequence[tuple[float, dict[str, float]]], startup: float | None
) -> tuple[StageRow, ...]:
    """Mean seconds and shares by stage, of (whole time, time by stage) for each picture."""
    whole = math.fsum(seconds for seconds, _ in times) / len(times)
    named = dict.fromkeys((*STAGES, *(stage for _, stages in times for stage in stages)))
    means = {
        stage: math.fsum(stages.get(stage, 0.0) for _, stages in times) / len(times)
        for stage in named
    }
    means = {stage: seconds for stage, seconds in means.items() if seconds > 0.0}
    means[OTHER] = max(0.0, whole - math.fsum(means.values()))
    once = None if startup is None else startup + whole
    rows = [
        StageRow(stage, seconds, _percent(seconds, whole), _percent(seconds, once))
        for stage, seconds in means.items()
    ]
    if startup is not None:
        rows.insert(0, StageRow(START_UP, startup, None, _percent(startup, once)))
    return tuple(rows)


def _percent(part: float, whole: float | None) -> float | None:
    return 100.0 * part / whole if whole else None


def _notes(result: BenchResult) -> list[str]:
    notes = []
    if not result.is_kodak() and not result.peers:
        notes.append(
            "the published curves are for the 24 Kodak pictures, and these are others;"
            " `--against jpeg,avif` compares with codecs on these pictures"
        )
    if result.is_visual and result.is_kodak():
        notes.append(
            "made for the eye, and the published curves are in PSNR; against these use"
            " `--tune psnr`"
        )
    if len(result.qualities) < MIN_LEVELS:
        levels = counted(len(result.qualities), "quality level")
        notes.append(f"only {levels}; a reportable BD-rate needs {MIN_LEVELS}")
    off = [mean for mean in result.means() if mean.is_off(RATE_TOLERANCE)]
    for mean in off:
        notes.append(
            f"quality {mean.quality}: the coded streams are {mean.rate_difference:+.2f} % off the"
            f" estimated bits, more than {RATE_TOLERANCE:g} %"
        )
    small = sum(row.ms_ssim is None for row in _once_each(result.results))
    if small:
        are = "is" if small == 1 else "are"
        notes.append(f"{counted(small)} {are} too small for MS-SSIM, so it has no mean")
    through = sum(row.alpha for row in _once_each(result.results))
    if through:
        have = "has" if through == 1 else "have"
        notes.append(f"{counted(through)} {have} alpha, which is left out of files and figures")
    if any(math.isinf(mean.psnr) for mean in result.means()):
        notes.append("levels with infinite PSNR are not on the curve of that measure")
    return notes
