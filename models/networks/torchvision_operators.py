"""Lets segmentation-models-pytorch import beside a torch of another build.

segmentation-models-pytorch imports torchvision for the class ``ResNet`` alone. Where torch and
torchvision come from different builds (torch for CPU beside torchvision for CUDA is what pip can
give), torchvision's compiled library does not load, and ``import torchvision`` stops with "operator
torchvision::nms does not exist": it describes two operators that the library would have defined.
No network here uses them, so it is enough that their schemas exist.

Every module that needs segmentation_models_pytorch calls `import_segmentation_models` for it.
"""

from __future__ import annotations

from types import ModuleType

import torch

# Schemas as torchvision's compiled library declares them (csrc/ops/nms.cpp, csrc/ops/quantized).
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

_fragment: torch.library.Library | None = None  # the schemas live as long as this object


def import_segmentation_models() -> ModuleType:
    """The module segmentation_models_pytorch, also where torchvision's own operators cannot load."""
    global _fragment
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _fragment = torch.library.Library("torchvision", "FRAGMENT")
        for schema in _SCHEMAS:
            _fragment.define(schema)
    import segmentation_models_pytorch

    return segmentation_models_pytorch
