from __future__ import annotations

from html.parser import HTMLParser

import pytest

from flair_landcover.contract.cards import ModelCard
from flair_landcover.contract.finetuning import AnnotatedClass, FinetuneResult, Scores
from flair_landcover.contract.nomenclature import LandCoverClass
from flair_landcover.contract.notices import notice
from flair_landcover.finetune.report_html import report_page

NASTY = "<script>alert('1')</script> & \"Söhne\""
VOID = {"meta", "br", "circle", "polyline", "path"}


class Tags(HTMLParser):
    """What a page holds; complains where a tag is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.seen.add(tag)
        assert not {"src", "href"} & {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def scores(where: str, water: float | None) -> Scores:
    iou = {} if water is None else {"water": water, NASTY: 0.5}
    return Scores(where, water, water, iou, 100 if iou else 0)


def result(where: str = "holdout", holdout: bool = True, score: float | None = 0.25, epochs: int = 3) -> FinetuneResult:
    history = [{"loss": 2.0 / n, "holdout_loss": 3.0 / n if holdout else None} for n in range(1, epochs + 1)]
    classes = (AnnotatedClass(14, NASTY, "#010203", 4, 1234.5),)
    card = ModelCard(
        id="new",
        title=NASTY,
        architecture="utt",
        weights_digest="sha256:ab",
        classes=(LandCoverClass(5, "water", "#1553ae"), LandCoverClass(14, NASTY, "#010203")),
        fine_tuning={
            "parent": {"id": "base", "title": NASTY, "weights": ""},
            "polygons": {"source": NASTY, "training": 6, "holdout": 2, "new_classes": [NASTY]},
            "image": {"input": NASTY, "sentinel2": ["a.tif"]},
            "parameters": {"keep_base": 1.0},
            "training": {"epochs": history},
            "counts_on": 0.973,
            "made": "2026-01-01",
            "version": "1",
        },
    )
    before = None if score is None else score / 2
    return FinetuneResult(
        "/m", card, "/m/report.html", 12.0, "cpu", epochs, 1, "early", scores(where, before), scores(where, score),
        0.4, 0.9, classes, 6, 2, [notice("layer_without_crs", layer=NASTY)],
    )  # fmt: skip


def test_the_page_says_where_it_counts():
    made = result()
    assert "97.3 % of this image, and images that look like it" in report_page(made)
    made.card.fine_tuning["counts_on"] = None
    assert "<dd>every image</dd>" in report_page(made)


@pytest.mark.parametrize(
    "made",
    [result(), result("training", holdout=False), result(score=None), result(epochs=1)],
    ids=["holdout", "training", "nothing judged", "one epoch"],
)
def test_the_page_is_whole_and_needs_nothing_else(made):
    tags = Tags()
    tags.feed(report_page(made))
    assert not tags.open and "script" not in tags.seen
    assert {"html", "style", "table", "svg", "polyline"} <= tags.seen
    assert NASTY in tags.text  # shown as it is


def test_scores_before_and_after_stand_side_by_side():
    page = report_page(result())
    assert "<td>0.125</td><td>0.250</td>" in page and "+0.125" in page


def test_scores_on_the_training_polygons_are_called_flattering():
    assert "flattering" in report_page(result("training")) and "flattering" not in report_page(result())


def test_the_page_follows_the_readers_theme():
    assert "prefers-color-scheme: dark" in report_page(result())
