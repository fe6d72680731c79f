"""Writes the scores of a model's card as tables into a page of the documentation, between two marks.

``python -m flair_landcover.research.card_page models/bundled docs/model-card.md``

The words of the page are written by hand; its figures come from the card alone, so that they cannot differ from it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..contract.atomic import atomic_file
from ..contract.cards import read_card
from ..contract.nomenclature import FLAIR_CLASSES

BEGIN, END = "<!-- scores: written by research/card_page.py -->", "<!-- end of scores -->"
_COLUMNS = (
    ("accuracy", "overall_accuracy"),
    ("mean IoU", "mean_iou_of_classes_present"),
    ("calibration error", "expected_calibration_error"),
)


def main(arguments: list[str] | None = None) -> int:
    """Runs the script; returns its exit status."""
    parser = argparse.ArgumentParser(prog="card_page", description="Write a card's scores into a page.")
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument("page", type=Path, help=f"Markdown file with the lines '{BEGIN}' and '{END}'")
    options = parser.parse_args(arguments)
    try:
        text = with_scores(options.page.read_text(encoding="utf-8"), read_card(options.model).scores)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    with atomic_file(options.page) as part:
        part.write_text(text, encoding="utf-8")
    return 0


def with_scores(page: str, scores: Mapping) -> str:
    """The page with the tables of `scores`, of a card, in the place of those between its marks.

    Raises ValueError where the page has not both marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The page needs a line '{BEGIN}' and below it a line '{END}' to hold the scores.")
    return f"{before}{BEGIN}\n\n{tables(scores)}\n\n{END}{after}"


def tables(scores: Mapping) -> str:
    """Two tables for each section of exact labels: by the bands given, and IoU by class."""
    parts = []
    for section, measured in scores.items():
        by_input = {name: found for name, found in _items(measured) if "iou" in found}
        if by_input:
            parts += [f"### {section[0].upper()}{section[1:]}", _overall(by_input), _by_class(by_input)]
    return "\n\n".join(parts)


def _items(measured: object) -> Iterable[tuple[str, Mapping]]:
    items = measured.items() if isinstance(measured, dict) else ()
    return [(name, found) for name, found in items if isinstance(found, dict)]


def _overall(by_input: Mapping[str, Mapping]) -> str:
    rows = [[name, *(_figure(found.get(key)) for _, key in _COLUMNS)] for name, found in by_input.items()]
    return _table(["input", *(title for title, _ in _COLUMNS)], rows)


def _by_class(by_input: Mapping[str, Mapping]) -> str:
    """IoU by class; inputs that differ by test-time flips alone are in the table above."""
    shown = {name: found for name, found in by_input.items() if "at test time" not in name}
    present = [land.name for land in FLAIR_CLASSES if any(land.name in found["iou"] for found in shown.values())]
    share = next(iter(shown.values()))["share_of_truth"]
    rows = [
        [name, _figure(share.get(name)), *(_figure(found["iou"].get(name)) for found in shown.values())]
        for name in present
    ]
    return _table(["IoU of class", "share of the truth", *shown], rows)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


if __name__ == "__main__":
    sys.exit(main())
