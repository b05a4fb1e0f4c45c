"""Constants of arithmetic profile 1: the scales of all integers on the parse path.

Everything here is part of the file format. An integer ``n`` in a range with scale ``s`` stands
for the real number ``n / s``.
"""

from __future__ import annotations

import math

from lcodec.format import PROFILE as PROFILE

ACT_SCALE = 16  # activations that enter a product, 8 bit
ACT_LIMIT = 127
RESIDUAL_SCALE = 256  # residual stream between blocks, 16 bit
RESIDUAL_LIMIT = 32767
WEIGHT_LIMIT = 63  # 7-bit weights: no path of an 8-bit GEMM saturates its pair sums
MIN_WEIGHT_STEP = 1e-4  # keeps biases, in units of weight x activation, below 2^24
LATENT_SCALE = 128  # decoded latents entering a context model, 12 bit
LATENT_LIMIT = 2047
LIMB = 64  # a latent is LIMB * high + low with two 8-bit limbs
HYPER_SCALE = 8  # hyper-latents entering the hyper-synthesis, 8 bit
HYPER_LIMIT = 127

OCTAVE = 32  # attention scores: steps per factor of two
SCORE_TABLE_SIZE = 9 * OCTAVE + 1
SCORE_WEIGHT_MAX = 255
SCORE_LIMIT = 1 << 20

SYMBOL_LIMIT = 32767
MEAN_SCALE = 16  # sixteenths of a quantisation step
MEAN_LIMIT = MEAN_SCALE * SYMBOL_LIMIT  # of means in the coder
HEAD_MEAN_LIMIT = 1 << 19  # of means from heads
SCALE_LEVELS = 64
SIGMA_MIN = 0.08
SIGMA_MAX = 160.0
LOG_SIGMA_MIN = math.log(SIGMA_MIN)
LOG_SIGMA_STEP = math.log(SIGMA_MAX / SIGMA_MIN) / (SCALE_LEVELS - 1)
HEAD_INDEX_GAIN = 8.0  # scale indices per unit of the head's real-valued output

NORM_EPSILON = 2.0**-10  # added to the mean square, in real units squared

FLOAT32_EXACT = 1 << 24  # integers below this add exactly in float32, in any order


def score_table() -> list[int]:
    """Weights of the base-2 softmax: entry ``u`` is ``round(255 * 2^(-u / 32))``, the last is 0.

    Computed with integers alone: ``w`` is the largest with (2w - 1)^32 * 2^u <= 510^32.
    """
    table = []
    weight = SCORE_WEIGHT_MAX
    bound = (2 * SCORE_WEIGHT_MAX) ** OCTAVE
    for step in range(SCORE_TABLE_SIZE - 1):
        while weight > 0 and ((2 * weight - 1) ** OCTAVE << step) > bound:
            weight -= 1
        table.append(weight)
    return [*table, 0]
