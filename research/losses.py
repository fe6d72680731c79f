"""What a training step lowers: cross entropy on labels that are exact, coarse or missing."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..models.networks.utt import UTT
from .augment import Crop
from .labels import CLASSES, CODES, UNKNOWN, allowed_classes

# Weight of a pixel in the loss by what its label is worth. The published pipeline gives "other" 0
# and never predicts it; users of this model see the class, so it gets a little.
OTHER_WEIGHT = 0.2
COARSE_WEIGHT = 0.5
VAGUE_WEIGHT = 0.2  # codes that allow more than VAGUE_SIZE classes teach little and cover much
VAGUE_SIZE = 4
_FORBIDDEN = -1e4  # log-probability that stands for "this class is not allowed"


def code_weights(plowed: float = 1.0, coarse: float = 1.0) -> Tensor:
    """(codes,) float32: the weight of a pixel by its code. plowed: that of plowed land; coarse: factor of all sets."""
    allowed = allowed_classes().sum(1)
    weights = torch.full((len(allowed),), COARSE_WEIGHT)
    weights[torch.from_numpy(allowed > VAGUE_SIZE)] = VAGUE_WEIGHT
    weights *= coarse
    weights[1 : CLASSES + 1] = 1.0
    weights[CODES["other"]] = OTHER_WEIGHT
    weights[CODES["plowed land"]] = plowed
    weights[UNKNOWN] = 0.0
    return weights


class SetCrossEntropy(nn.Module):
    """Minus the logarithm of the summed probability of the classes that a pixel's code allows.

    For an exact label this is the cross entropy. Pixels of code 0 count for nothing.
    weights: (codes,) float32, of a pixel by its code.
    """

    weights: Tensor
    forbidden: Tensor

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)
        forbidden = torch.from_numpy(~allowed_classes()).float() * _FORBIDDEN
        self.register_buffer("forbidden", forbidden, persistent=False)

    def forward(self, logits: Tensor, codes: Tensor) -> Tensor:
        """logits (B, CLASSES, H, W), codes (B, H, W) integer -> the weighted mean, a scalar; 0 without labels."""
        known = codes != UNKNOWN
        wanted = codes[known].long()
        log_probabilities = logits.float().permute(0, 2, 3, 1)[known].log_softmax(-1)
        losses = -(log_probabilities + self.forbidden[wanted]).logsumexp(-1)
        weights = self.weights[wanted]
        return (losses * weights).sum() / weights.sum().clamp(min=1e-6)


class LabelLoss(nn.Module):
    """What labels alone ask of a network; of U-T&T with a series, of its satellite branch too (arXiv 2305.14467).

    coarse: factor of the weight of labels that are sets of classes.
    """

    def __init__(self, coarse: float = 1.0) -> None:
        super().__init__()
        self.exact = SetCrossEntropy(code_weights(coarse=coarse))
        self.satellite = SetCrossEntropy(code_weights(plowed=0.0))

    def forward(self, network: nn.Module, batch: Crop, fuse: bool | None) -> Tensor:
        """The loss of a batch, a scalar.

        fuse: None for a batch without a series, else whether the aerial logits take the satellite features.
        """
        if fuse is None:
            return self.exact(network(batch.aerial), batch.codes)
        if not isinstance(network, UTT) or batch.series is None or batch.days is None:
            raise AssertionError
        logits, auxiliary = network.forward_both(batch.aerial, batch.series, batch.days, fuse=fuse)
        return self.exact(logits, batch.codes) + self.satellite(auxiliary, batch.codes)
