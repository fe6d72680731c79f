"""What a model would make of an image, told before the run: its bands against those that the model was trained on."""

from __future__ import annotations

from ..contract.cards import ModelCard
from ..contract.notices import Notice, Warn, notice, warn_about, with_evidence
from .raster.histograms import Histogram
from .resolve import Inputs

_EMPTY = 0.01  # share of the image without data from which on it is told
_SAME = 1e-3  # pixel sizes closer than this share are one; see `raster.geobox`
# Standard deviations from the mean of all pixels within which the means of whole pictures lie. The 7 real FLAIR #2
# patches lie within 1.25 of them, with the published means and deviations.
_SPREAD = 1.5
_BAND_SETS = {  # as cards name what they were measured with
    frozenset(("red", "green", "blue")): "RGB",
    frozenset(("red", "green", "blue", "nir")): "RGB and near infrared",
    frozenset(("red", "green", "blue", "nir", "elevation")): "five bands",
}


def preflight(inputs: Inputs, warn: Warn) -> None:
    """Tells what of the image the model does not know, and what is missing, with what the model's card says of it."""
    warn = warn_about("input", warn)
    aerial, card = inputs.aerial, inputs.card
    if aerial.without_data >= _EMPTY:
        warn(notice("without_data", share=aerial.without_data))
    size = max(aerial.geobox.pixel_size_m)
    if abs(size / card.ground_sampling_distance - 1) > _SAME:
        warn(notice("resampled", size=size, model_size=card.ground_sampling_distance))
    _tell_costs(inputs, warn)
    ranges = known_ranges(card)
    for role in inputs.roles:
        histogram = aerial.histograms.get(aerial.bands.get(role, 0))
        if histogram is not None and role in ranges and role != "elevation":
            _compare(role, histogram, ranges[role], card, warn_about("bands", warn))


def known_ranges(card: ModelCard) -> dict[str, tuple[float, float]]:
    """Between which digital numbers of 8 bits the means of most pictures lie that a model was trained on, by role.

    As the card says, or by its means and standard deviations. Empty where it has none.
    """
    if card.seen:
        return card.seen
    if not any(card.means):
        return {}
    spread = zip(card.inputs, card.means, card.stds)
    scale = card.scale
    return {
        role: (max(0.0, (mean - _SPREAD * std) * scale), min(255.0, (mean + _SPREAD * std) * scale))
        for role, mean, std in spread
    }


def _compare(role: str, histogram: Histogram, known: tuple[float, float], card: ModelCard, warn: Warn) -> None:
    """Warns where a band is less than half as bright as what the model knows at least, or as far beyond the brightest.

    Of the real images at hand, those that no training saw included, none of 0.6 m or finer is told of.
    """
    low, high = known
    band, mean, model = _names()[role], histogram.mean, card.title
    if mean < low / 2:
        told = notice("band_darker", band=band, mean=mean, low=low, high=high, model=model)
    elif mean > (high + 255) / 2:
        told = notice("band_brighter", band=band, mean=mean, low=low, high=high, model=model)
    else:
        return
    first, middle, last = histogram.percentiles
    warn(with_evidence(told, histogram.picture, mean=mean, p2=first, median=middle, p98=last))


def _names() -> dict[str, Notice]:
    return {
        "red": notice("red_band"),
        "green": notice("green_band"),
        "blue": notice("blue_band"),
        "nir": notice("infrared_band"),
    }


def _tell_costs(inputs: Inputs, warn: Warn) -> None:
    """What the card says that missing bands cost, where it was measured without them."""
    card = inputs.card
    at_hand, needed = _BAND_SETS.get(frozenset(inputs.roles)), _BAND_SETS.get(frozenset(card.inputs))
    if at_hand is None or needed is None or at_hand == needed:
        return
    for where, measured in card.scores.items():
        if isinstance(measured, dict):
            without, whole = (_mean_iou(measured.get(name)) for name in (at_hand, needed))
            if without is not None and whole is not None:
                warn(
                    notice(
                        "bands_missing",
                        count=len(inputs.roles),
                        total=len(card.inputs),
                        where=where,
                        without=without,
                        whole=whole,
                    )
                )
                return


def _mean_iou(scores: object) -> float | None:
    value = scores.get("mean_iou_of_classes_present") if isinstance(scores, dict) else None
    return float(value) if isinstance(value, (int, float)) else None
