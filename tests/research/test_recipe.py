from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from flair_landcover.research import recipe as recipes
from flair_landcover.research.recipe import read_recipe

FOLDER = Path(recipes.__file__).parent / "recipes"


def written(tmp_path: Path, **values) -> Path:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"id": "a", "title": "A", "licence": "", "student": {"steps": 2}, **values}))
    return path


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_the_recipes_that_come_with_the_project_can_be_read(path):
    recipe = read_recipe(path)
    assert recipe.student.steps > 0
    assert recipe.digest == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_stage_that_is_left_out_is_none(tmp_path):
    recipe = read_recipe(written(tmp_path))
    assert (recipe.teacher, recipe.labels, recipe.patches, recipe.satellite) == (None,) * 4
    assert recipe.student.steps == 2


@pytest.mark.parametrize(
    "values, said",
    [
        ({"stdent": {}}, "the entry stdent, which no recipe knows"),
        ({"student": {"steps": 2, "rate": 1}}, "the stage student of .* has the entry rate"),
        ({"student": {}}, "the stage student of .* is not complete"),
        ({"data": "elsewhere"}, "names the data elsewhere: choose one of"),
    ],
)
def test_a_recipe_that_is_wrong_is_refused_with_what_is_wrong(values, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        read_recipe(written(tmp_path, **values))


def test_a_file_that_is_no_recipe_is_refused(tmp_path):
    for path in (tmp_path / "none.json", tmp_path / "text.json"):
        if path.stem == "text":
            path.write_text("steps: 3")
        with pytest.raises(ValueError, match="is not a recipe"):
            read_recipe(path)
