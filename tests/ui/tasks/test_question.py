"""Questions to a real engine, asked in the background."""

from __future__ import annotations

import threading

import pytest

from flair_landcover.contract.calls import DESCRIBE, MODELS, AerialQuestion, Nothing
from flair_landcover.contract.image import ImageSettings
from flair_landcover.tests import qgis_side
from flair_landcover.tests.qgis_application import qgis_application

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt.QtTest import QTest

from flair_landcover.runtime.client import EngineClient
from flair_landcover.runtime.errors import BadInputError, EngineNotFound
from flair_landcover.ui.tasks import background_task
from flair_landcover.ui.tasks.question import Question


@pytest.fixture
def client():
    qgis_application()
    if not qgis_side.engine_python():
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    made = EngineClient()
    yield made
    made.close()


def heard(question: Question) -> list:
    """What the question is told from now on, in the order in which it comes."""
    told: list = []
    question.answered.connect(told.append)
    question.failed.connect(told.append)
    return told


def wait_for(condition) -> None:
    for _ in range(3000):
        if condition():
            return
        QTest.qWait(20)
    raise AssertionError("it never came")


def over() -> bool:
    return not background_task._alive


def test_the_answer_comes_on_the_main_thread(client):
    question = Question(MODELS, lambda: client)
    threads = []
    question.answered.connect(lambda _: threads.append(threading.current_thread()))
    told = heard(question)
    question.ask(Nothing())
    assert told == []
    wait_for(lambda: told)
    assert told[0].models[0].id == "bundled"
    assert threads == [threading.main_thread()]


def test_only_the_latest_question_is_answered(client, tmp_path):
    rasters = [qgis_side.write_aerial(tmp_path / f"{size}.tif", size=size) for size in (40, 50, 60)]
    question = Question(DESCRIBE, lambda: client)
    told = heard(question)
    for raster in rasters:
        question.ask(AerialQuestion(ImageSettings(str(raster))))
    wait_for(lambda: told and over())
    assert [answer.width for answer in told] == [60]


def test_a_dropped_question_is_not_answered(client, tmp_path):
    question = Question(DESCRIBE, lambda: client)
    told = heard(question)
    question.ask(AerialQuestion(ImageSettings(str(qgis_side.write_aerial(tmp_path / "a.tif")))))
    question.drop()
    wait_for(over)
    QTest.qWait(100)
    assert told == []


def test_what_cannot_be_answered_says_why(client, tmp_path):
    question = Question(DESCRIBE, lambda: client)
    told = heard(question)
    question.ask(AerialQuestion(ImageSettings(str(tmp_path / "gone.tif"))))
    wait_for(lambda: told)
    assert isinstance(told[0], BadInputError) and told[0].field == "input"


def test_a_question_may_be_asked_again_after_an_error(client, tmp_path, monkeypatch):
    question = Question(MODELS, lambda: client)
    told = heard(question)
    with monkeypatch.context() as context:
        context.setenv("FLAIR_LANDCOVER_PYTHON", str(tmp_path / "nowhere"))
        question.ask(Nothing())
        wait_for(lambda: told)
    assert isinstance(told[0], EngineNotFound)
    question.ask(Nothing())
    wait_for(lambda: len(told) == 2)
    assert told[1].models


def test_no_thread_is_left_when_nothing_is_asked(client):
    question = Question(MODELS, lambda: client)
    told = heard(question)
    question.ask(Nothing())
    wait_for(lambda: told and over())
    assert not [thread for thread in threading.enumerate() if thread.name == "FLAIR models"]


def test_a_question_that_nobody_holds_any_more_ends_in_peace(client):
    for _ in range(20):
        question = Question(MODELS, lambda: client)
        question.ask(Nothing())
        question.drop()
        del question
    wait_for(over)
