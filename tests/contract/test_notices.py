"""Stages and notices: each code is defined once, used with its own values, and worded."""

from __future__ import annotations

import ast
import json

import pytest

from flair_landcover.contract.notices import (
    NOTICES,
    STAGES,
    Notice,
    Stage,
    english,
    in_words,
    names_in,
    notice,
    stage,
)
from flair_landcover.tests import rooms

DEFINED = {"stage": STAGES, "notice": NOTICES}
BECOMING = notice(
    "classes_change",
    changes=[
        notice("class_becomes", name="pool", target="water"),
        notice("classes_become", names=["hedge", "vines"], last="snow", target="other"),
    ],
)


def uses() -> list[tuple[str, str, set[str | None], str]]:
    """Each use of a code in the product: stage or notice, the code, the names of the values, where."""
    found = []
    for module in [module for module in rooms.modules() if ".contract.notices" in rooms.imports_of(module)]:
        for node in ast.walk(ast.parse((rooms.ROOT / module).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DEFINED:
                where = f"{module}:{node.lineno}"
                assert len(node.args) == 1 and None not in {word.arg for word in node.keywords}, where
                names = {word.arg for word in node.keywords}
                found += [(node.func.id, code, names, where) for code in codes_of(node.args[0], where)]
    return found


def codes_of(given: ast.expr, where: str) -> list[str]:
    """The codes that stand in a call: one, or the two of a choice."""
    if isinstance(given, ast.IfExp):
        return [*codes_of(given.body, where), *codes_of(given.orelse, where)]
    assert isinstance(given, ast.Constant) and isinstance(given.value, str), (
        f"{where}: the code must stand there as text"
    )
    return [given.value]


def test_every_code_that_is_used_is_defined_and_has_the_values_that_its_template_names():
    for kind, code, names, where in uses():
        assert code in DEFINED[kind], where
        assert names == names_in(DEFINED[kind][code]), where


def test_every_code_that_is_defined_is_used():
    used = {(kind, code) for kind, code, _, _ in uses()}
    assert {(kind, code) for kind, templates in DEFINED.items() for code in templates} == used


def test_no_sentence_is_told_where_a_code_belongs():
    for module in rooms.modules():
        if rooms.room_of(module).split("/")[0] in ("inference", "finetune", "engine"):
            for node in ast.walk(ast.parse((rooms.ROOT / module).read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    texts = [given for given in told_by(node) if isinstance(given, (ast.Constant, ast.JoinedStr))]
                    assert not texts, f"{module}:{node.lineno}"


def told_by(call: ast.Call) -> list[ast.expr]:
    """What a call tells the user, where it tells anything."""
    called = getattr(call.func, "attr", getattr(call.func, "id", ""))
    return {"progress": call.args[1:2], "warning": call.args, "warn": call.args}.get(called, [])


def test_values_are_named_and_not_numbered():
    for templates in DEFINED.values():
        for code, template in templates.items():
            assert all(name.isidentifier() for name in names_in(template)), code


def test_an_unknown_code_or_other_values_are_refused_at_once():
    with pytest.raises(ValueError, match="no Stage 'tiles'"):
        stage("tiles", number=1, total=2)
    for values in ({"number": 1}, {"number": 1, "total": 2, "row": 3}, {}):
        with pytest.raises(ValueError, match="tile has the values"):
            stage("tile", **values)
    with pytest.raises(ValueError, match="format"):
        notice("coarse_pixels", size="large")
    for value in (None, object(), {"a": 1}, (1, 2), [None]):
        with pytest.raises(TypeError, match="plain value"):
            stage("tile", number=value, total=2)


@pytest.mark.parametrize("told", [stage("loading"), stage("tile", number=3, total=9), BECOMING])
def test_it_comes_back_from_its_json(told):
    assert type(told).from_dict(json.loads(json.dumps(told.to_dict()))) == told


@pytest.mark.parametrize(
    "values", ["Loading", None, {}, {"code": "loading"}, {"code": "x", "values": {}}, {"code": "tile", "values": {}}]
)
def test_json_that_is_none_is_refused(values):
    for kind in (Stage, Notice):
        with pytest.raises((TypeError, ValueError)):
            kind.from_dict(values)


def test_it_is_worded_in_english_and_as_a_translator_says():
    tile = stage("tile", number=3, total=9)
    assert english(tile) == "Tile 3 of 9"
    assert in_words(tile, {"Tile {number} of {total}": "De {total} carreaux le {number}"}.get) == "De 9 carreaux le 3"
    assert english(stage("fetched_of", megabytes=1234.4, total=2000.0)) == "Fetched 1,234 of 2,000 MB"


def test_one_and_many_are_worded_each_in_its_way():
    assert english(notice("repaired", count=1)).startswith("1 polygon has an outline")
    assert english(notice("repaired", count=2)).startswith("2 polygons have an outline")


def test_lists_and_parts_of_a_sentence_are_worded_too():
    assert english(BECOMING) == (
        "Of the model's classes pool becomes water, hedge, vines and snow become other: "
        "choose the model's own classes to see them in the map."
    )
    french = {"{name} becomes {target}": "{name} devient {target}"}
    assert "pool devient water" in in_words(BECOMING, lambda template: french.get(template, template))
