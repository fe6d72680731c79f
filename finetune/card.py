"""The card of a model that was made from another by polygons, and its weights as they are stored."""

from __future__ import annotations

import datetime
import os
from dataclasses import replace

import torch
from torch import Tensor

from ..contract.cards import WEIGHTS_NAME, ModelCard, digest_of
from ..contract.finetuning import FinetuneJob
from ..contract.version import plugin_version
from ..inference.resolve import Inputs
from .annotations import Annotations, annotated_classes
from .evaluate import Evaluation
from .holdout import Split
from .train import Hyperparameters, TrainingResult

_PARAMETERS = ("trainable", "holdout", "keep_base", "everywhere", "one_class", "seed", "precision")
_ELSEWHERE = (
    " and where images look like it; elsewhere it is the model that it was made from",
    "; elsewhere it was held to the base model",
)
_IMAGE = ("bands", "elevation", "terrain", "sentinel2", "leave_out")


def title_of(job: FinetuneJob, base: ModelCard) -> str:
    """The new model's title."""
    return job.name.strip() or f"{base.title}, corrected"


def stored_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict as it is written: matrices and kernels as float16 where their values allow it.

    Vectors (biases, normalisation) stay float32: they are few, and statistics may lie outside of float16's range.
    """
    stored = {}
    for name, tensor in weights.items():
        tensor = tensor.detach().cpu()
        if tensor.ndim >= 2 and tensor.is_floating_point() and torch.isfinite(tensor.half()).all():
            tensor = tensor.half()
        stored[name] = tensor.contiguous()
    return stored


def new_card(
    job: FinetuneJob,
    inputs: Inputs,
    grown: ModelCard,
    annotations: Annotations,
    split: Split,
    settings: Hyperparameters,
    training: TrainingResult,
    evaluation: Evaluation,
    covered: float | None,
    id: str,
) -> ModelCard:
    """The card, without the digest of the weights.

    id: that the model gets. grown: the base model's card with the new legend. covered: on how much of its own image
    what was learnt counts, None where it counts everywhere. Paths in it are shortened to the files' names: a card
    travels with its model, and folders may hold people's names.
    """
    base = inputs.card
    made = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    title = title_of(job, base)
    classes = annotated_classes(annotations, inputs.geobox.metres)
    names = ", ".join(f"{c.polygons} {c.name}" for c in classes)
    image = ", ".join(os.path.basename(path) for path in job.image.input)
    asked = job.to_dict()
    scores = {"before": evaluation.before.to_dict(), "after": evaluation.after.to_dict()}
    epochs = [epoch.to_dict() for epoch in training.history]
    return replace(
        grown,
        id=id,
        title=title,
        source=f"Fine-tuned with FLAIR Land Cover from {base.title} ({base.id}). {base.source}".strip(),
        training_data=(
            f"{len(split.training)} polygons over {image} ({names}), then what the base model was trained on: "
            f"{base.training_data or 'see its card'}"
        ),
        limits=f"Corrected for {image}{_ELSEWHERE[job.everywhere]}. {base.limits}".strip(),
        scores={"polygons": scores, "base model": base.scores},
        weights_digest="",
        fine_tuning={
            "parent": {"id": base.id, "title": base.title, "weights": _digest(inputs)},
            "polygons": {
                "source": _shortened(annotations.source),
                "classes": [c.to_dict() for c in classes],
                "training": len(split.training),
                "holdout": len(split.holdout),
                "new_classes": list(annotations.plan.new),
            },
            "image": {"input": image, **{name: _shortened(asked[name]) for name in _IMAGE}},
            "parameters": {
                **{name: asked[name] for name in _PARAMETERS},
                "epochs": settings.epochs,
                "crops": training.crops,
                "batch": settings.batch,
                "learning_rate": settings.rate,
            },
            "training": {"best_epoch": training.best_epoch, "stopped": training.stopped, "epochs": epochs},
            "scores": scores,
            "counts_on": None if covered is None else round(covered, 3),
            "changed": round(evaluation.changed, 4),
            "agreement": round(evaluation.agreement, 4),
            "made": made,
            "version": plugin_version(),
        },
    )


def _digest(inputs: Inputs) -> str:
    """``sha256:<hex>`` of the base model's weights file, or of the checkpoint that it is."""
    weights = inputs.model / WEIGHTS_NAME if inputs.model.is_dir() else inputs.model
    return inputs.card.weights_digest or digest_of(weights)


def _shortened(value: object) -> object:
    """Paths without their folders."""
    if isinstance(value, str):
        return os.path.basename(value) or value
    if isinstance(value, (tuple, list)):
        return [_shortened(one) for one in value]
    return value
