"""The weights of SSIMULACRA2, those of the reference implementation, and what they leave out."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

LUMA = 1
"""Number of luma among the channels."""

FINE = (0.125, 1.0)
"""Weights of the luma dissimilarity at the finest scales in the fine dissimilarity."""

_NEGLIGIBLE = 0.01  # a plane whose weights are all smaller is skipped; that is < 0.01 points

# One row per channel and scale: dissimilarity, artifact and detail by mean, then by 4-norm.
_WEIGHTS = (
    # X
    (0.0, 0.0007376606707406586, 0.0, 0.0, 0.0007793481682867309, 0.0),
    (
        0.0,
        0.0004371155730107379,
        0.0,
        1.1041726426657346,
        0.00066284834129271,
        0.00015231632783718752,
    ),
    (0.0, 0.0016406437456599754, 0.0, 1.8422455520539298, 11.441172603757666, 0.0),
    (0.0007989109436015163, 0.000176816438078653, 0.0, 1.8787594979546387, 10.94906990605142, 0.0),
    (
        0.0007289346991508072,
        0.9677937080626833,
        0.0,
        0.00014003424285435884,
        0.9981766977854967,
        0.00031949755934435053,
    ),
    (0.0004550992113792063, 0.0, 0.0, 0.0013648766163243398, 0.0, 0.0),
    # Y
    (0.0, 0.0, 0.0, 7.466890328078848, 0.0, 17.445833984131262),
    (0.0006235601634041466, 0.0, 0.0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264),
    (225.20515300849274, 0.0, 0.0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985),
    (176.39317598450694, 0.0, 0.0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408),
    (0.0, 0.0, 0.0, 34.77906344483772, 44.835625328877896, 0.0),
    (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    # B-Y
    (0.0, 0.0008680556573291698, 0.0, 0.0, 0.0, 0.0),
    (0.0, 0.0005313191874358747, 0.0, 0.00016533814161379112, 0.0, 0.0),
    (0.0, 0.0, 0.0, 0.0004179171803251336, 0.0017290828234722833, 0.0),
    (0.0020827005846636437, 0.0, 0.0, 8.826982764996862, 23.19243343998926, 0.0),
    (
        95.1080498811086,
        0.9863978034400682,
        0.9834382792465353,
        0.0012286405048278493,
        171.2667255897307,
        0.9807858872435379,
    ),
    (0.0, 0.0, 0.0, 0.0005130064588990679, 0.0, 0.00010854057858411537),
)


@lru_cache(maxsize=64)
@torch.inference_mode(mode=False)  # cached for training, too
def scale_weights(
    count: int, scale: int, device: torch.device, fine: float = 0.0
) -> tuple[list[int], Tensor]:
    """Channels that count at one of ``count`` scales, and the weights of their averages (n, 6).

    Luma always counts where it is part of the fine dissimilarity, which has the weight ``fine``.
    """
    # The reference implementation numbers its weights consecutively over the scales there are.
    flat = [weight for row in _WEIGHTS for weight in row]
    rows = [list(flat[6 * (count * c + scale) :][:6]) for c in range(3)]
    counting = {c for c in range(3) if max(rows[c]) >= _NEGLIGIBLE}
    if scale < len(FINE):
        rows[LUMA][0] += fine * FINE[scale]
        counting.add(LUMA)
    channels = sorted(counting)
    weights = [rows[c] for c in channels]
    return channels, torch.tensor(weights, dtype=torch.float32, device=device)
