"""Distillation: the student's class probabilities and encoder maps are held to the teacher's.

Probabilities: Hinton et al., arXiv 1503.02531, equation 2 at temperature 1, on every pixel, labelled or not. Maps:
Romero et al., "FitNets", arXiv 1412.6550, equation 3, with a 1x1 convolution for the student's map of each resolution
and the teacher's channels standardised.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..models.networks.utt import UTT
from .augment import Crop
from .losses import LabelLoss
from .teacher import WIDTHS, Teacher

_FIRST = 1  # the encoder's first map, at half the resolution, is left to the student
_SPREAD = 1e-3  # a teacher's channel that varies less than this in a batch says nothing


class DistillationLoss(nn.Module):
    """The loss of labels, plus what differs from the teacher.

    probabilities, features: weights of the two terms. labels: the loss that they are added to.
    """

    def __init__(
        self, student: UTT, teacher: Teacher, probabilities: float, features: float, labels: LabelLoss
    ) -> None:
        super().__init__()
        self.labels = labels
        widths = student.arch_vhr.encoder.out_channels[2:]
        self.projections = nn.ModuleList(nn.Conv2d(own, wanted, 1) for own, wanted in zip(widths, WIDTHS[_FIRST:]))
        self._teacher = (teacher.eval().requires_grad_(False),)  # in a tuple: it is no part of what is trained
        self._weights = (probabilities, features)

    def forward(self, network: UTT, batch: Crop, fuse: bool | None) -> Tensor:
        """See `LabelLoss.forward`. Batches with a series have the labels' loss alone: the teacher sees no series."""
        if fuse is not None:
            return self.labels(network, batch, fuse)
        teacher = self._teacher[0]
        with torch.no_grad():
            wanted, wanted_maps = _with_maps(teacher, teacher.unet.encoder, batch.aerial)
        logits, maps = _with_maps(network, network.arch_vhr.encoder, batch.aerial)
        soft = functional.softmax(wanted.float(), dim=1)
        likeness = -(soft * functional.log_softmax(logits.float(), dim=1)).sum(1).mean()
        distance = torch.stack(
            [
                functional.mse_loss(project(own).float(), _standardised(their))
                for project, own, their in zip(self.projections, maps[2:], wanted_maps[2:])
            ]
        ).mean()
        probabilities, features = self._weights
        return self.labels.exact(logits, batch.codes) + probabilities * likeness + features * distance


def _with_maps(network: nn.Module, encoder: nn.Module, aerial: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Logits, and the encoder's maps from the finest to the coarsest, of one pass."""
    seen: list[Tensor] = []
    hook = encoder.register_forward_hook(lambda _module, _inputs, maps: seen.extend(maps))
    try:
        return network(aerial), seen
    finally:
        hook.remove()


def _standardised(maps: Tensor) -> Tensor:
    """Each channel (B, C, H, W) with mean 0 and deviation 1 over the batch."""
    maps = maps.float()
    spread = maps.std(dim=(0, 2, 3), keepdim=True).clamp(min=_SPREAD)
    return (maps - maps.mean(dim=(0, 2, 3), keepdim=True)) / spread
