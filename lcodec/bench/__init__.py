"""Benchmarks: real files, several measures, BD-rate against other codecs, reports, plots.

BD-rate needs scipy, plots matplotlib and pages jinja2, all in the extra ``lcodec[bench]``.
"""

from lcodec.bench.bdrate import BdRate, bd_rate
from lcodec.bench.curves import ANCHOR, Curve, published_curve, published_curves
from lcodec.bench.kodak import is_kodak
from lcodec.bench.plot import plot_rd
from lcodec.bench.report import print_report
from lcodec.bench.results import (
    BenchResult,
    PictureResult,
    QualityMean,
    load_result,
    result_to_json,
)
from lcodec.bench.runner import (
    DEFAULT_QUALITIES,
    BenchCodec,
    find_pictures,
    run,
    timed_startup,
)
from lcodec.bench.summary import Summary, report_to_json, summarize
from lcodec.metrics.distortion import psnr
from lcodec.metrics.msssim import MS_SSIM_MIN_SIDE, ms_ssim

__all__ = [
    "ANCHOR",
    "DEFAULT_QUALITIES",
    "MS_SSIM_MIN_SIDE",
    "BdRate",
    "BenchCodec",
    "BenchResult",
    "Curve",
    "PictureResult",
    "QualityMean",
    "Summary",
    "bd_rate",
    "find_pictures",
    "is_kodak",
    "load_result",
    "ms_ssim",
    "plot_rd",
    "print_report",
    "psnr",
    "published_curve",
    "published_curves",
    "report_to_json",
    "result_to_json",
    "run",
    "summarize",
    "timed_startup",
]
