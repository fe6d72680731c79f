"""Cross entropy on labels that are exact, coarse or missing."""

from __future__ import annotations

import torch
from torch import Tensor

from .labels import CLASSES, CODES, UNKNOWN, allowed_classes

# Weight of a pixel in the loss by what its label is worth. The published pipeline gives "other" 0
# and never predicts it; users of this model see the class, so it gets a little.
OTHER_WEIGHT = 0.2
COARSE_WEIGHT = 0.5
VAGUE_WEIGHT = 0.2  # codes that allow more than VAGUE_SIZE classes teach little and cover much
VAGUE_SIZE = 4
_FORBIDDEN = -1e4  # log-probability that stands for "this class is not allowed"


def code_weights(plowed: float = 1.0) -> Tensor:
    """(codes,) float32: the weight of a pixel by its code. plowed: that of plowed land."""
    allowed = allowed_classes().sum(1)
    weights = torch.full((len(allowed),), COARSE_WEIGHT)
    weights[torch.from_numpy(allowed > VAGUE_SIZE)] = VAGUE_WEIGHT
    weights[1 : CLASSES + 1] = 1.0
    weights[CODES["other"]] = OTHER_WEIGHT
    weights[CODES["plowed land"]] = plowed
    weights[UNKNOWN] = 0.0
    return weights


class SetCrossEntropy:
    """Minus the logarithm of the summed probability of the classes that a pixel's code allows.

    For an exact label this is the cross entropy. Pixels of code 0 count for nothing.
    """

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights
        self.forbidden = torch.from_numpy(~allowed_classes()).float() * _FORBIDDEN

    def __call__(self, logits: Tensor, codes: Tensor) -> Tensor:
        """logits (B, CLASSES, H, W), codes (B, H, W) integer -> the weighted mean, a scalar; 0 without labels."""
        known = codes != UNKNOWN
        wanted = codes[known].long()
        log_probabilities = logits.float().permute(0, 2, 3, 1)[known].log_softmax(-1)
        losses = -(log_probabilities + self.forbidden[wanted]).logsumexp(-1)
        weights = self.weights[wanted]
        return (losses * weights).sum() / weights.sum().clamp(min=1e-6)
