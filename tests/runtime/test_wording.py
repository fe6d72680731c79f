"""What the engine says, in the language of a translator."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt.QtCore import QCoreApplication, QTranslator

from flair_landcover.contract.notices import NOTICES, english, notice, stage
from flair_landcover.runtime.wording import worded
from flair_landcover.tests.qgis_application import qgis_application

FRENCH = {
    ("Stage", "Tile {number} of {total}"): "Sur {total} tuiles, la {number}",
    ("Notice", NOTICES["coarse_pixels"]): "Des pixels de {size:g} m : trop gros",
    ("Notice", NOTICES["repaired"][1]): "{count} polygones réparés",
}


class French(QTranslator):
    """Translates a few templates."""

    def translate(self, context: str, text: str, disambiguation: str | None = None, n: int = -1) -> str | None:
        return FRENCH.get((context, text))

    def isEmpty(self) -> bool:
        return False


@pytest.fixture
def french():
    qgis_application()
    translator = French()
    assert QCoreApplication.installTranslator(translator)
    yield
    QCoreApplication.removeTranslator(translator)


def test_a_stage_is_told_in_the_users_language(french):
    assert worded(stage("tile", number=3, total=9)) == "Sur 9 tuiles, la 3"


def test_a_notice_is_told_in_the_users_language(french):
    assert worded(notice("coarse_pixels", size=1.5)) == "Des pixels de 1.5 m : trop gros"
    assert worded(notice("repaired", count=3)) == "3 polygones réparés"


def test_what_nobody_translated_is_told_in_english(french):
    assert worded(stage("loading")) == "Loading the model"
    assert worded(notice("empty_map")) == english(notice("empty_map"))
