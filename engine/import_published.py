"""A published model into the library: fetched, read as any checkpoint is, its card told what is known of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from ..contract.cards import BadModel, ModelCard, write_card
from ..models.library import find_installed, installed_models
from ..models.published import PublishedModel, find_published
from .hub import fetch_model
from .import_model import import_model

_ON_THE_HUB = " on the model hub"


def import_published(
    name: str,
    on_progress: Callable[[int, int | None], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> ModelCard:
    """Takes a model of the hub into the library, fetched where it is not in the cache; returns its card there.

    name: as `hub.fetch_model` takes it, like on_progress and is_cancelled. What is fetched leaves the cache for the
    library. Raises BadModel where it cannot be had, is no model or is in the library already, and
    `hub.FetchCancelled`.
    """
    name = name.strip()
    known = find_published(name)
    origin = known.hub_id if known else name
    for card in installed_models():
        if _origin_of(card) == origin:
            raise BadModel(f"{origin} is in the library already, as {card.id}: delete it there to fetch it anew.")
    path = fetch_model(name, on_progress, is_cancelled)
    model = known or PublishedModel(name, path.name, licence="")
    card = import_model(path, model.name)
    with contextlib.suppress(OSError):
        path.unlink()  # the library has it now; its sha256 stays recorded
    told = with_origin(card, model)
    try:
        write_card(told, find_installed(card.id))
    except OSError as error:
        raise BadModel(
            f"{card.title} is in the library, but where it comes from cannot be written into its card "
            f"({error.strerror or error}): see that the disk has room, then delete the model and fetch it again."
        ) from None
    return told


def with_origin(card: ModelCard, model: PublishedModel) -> ModelCard:
    """The card with the hub's name of the model in its source, and what is published of it where the card is silent.

    Scores: ``{"published": {"mean_iou", "overall_accuracy", "measured_on"}}``, those that are known.
    """
    stated = {"mean_iou": model.mean_iou, "overall_accuracy": model.accuracy}
    scores: dict[str, float | str] = {key: value for key, value in stated.items() if value is not None}
    if scores and model.measured_on:
        scores["measured_on"] = model.measured_on
    origin = f"{model.hub_id}{_ON_THE_HUB}"
    return replace(
        card,
        licence=card.licence or model.licence,
        source=f"{card.source.rstrip('. ')}; {origin}" if card.source else origin,
        scores=card.scores or ({"published": scores} if scores else {}),
    )


def _origin_of(card: ModelCard) -> str:
    """The hub's name of the model that a card says it was fetched as, or ""."""
    last = card.source.rpartition("; ")[2]
    return last[: -len(_ON_THE_HUB)] if last.endswith(_ON_THE_HUB) else ""
