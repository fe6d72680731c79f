"""Where an annotation layer's file goes."""

# ruff: noqa: F811 - fixtures are named where they are used

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsRasterLayer

from flair_landcover.layers.annotation_files import default_path

from ..ui.annotate.conftest import aerial, application, project  # noqa: F401 - fixtures


def test_the_file_is_proposed_beside_the_image_under_a_free_name(project, aerial, tmp_path):
    assert default_path(project, aerial) == tmp_path / "ortho_annotations.gpkg"
    (tmp_path / "ortho_annotations.gpkg").write_text("")
    assert default_path(project, aerial) == tmp_path / "ortho_annotations_2.gpkg"


def test_without_a_file_the_projects_folder_or_the_users_is_proposed(project, tmp_path, monkeypatch):
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "data" / "models"))
    web = QgsRasterLayer("type=xyz&url=http://localhost:1/{z}/{x}/{y}.png", "web: map/1", "wms")
    assert default_path(project, None) == tmp_path / "data" / "annotations.gpkg"
    assert default_path(project, web) == tmp_path / "data" / "web_ map_1_annotations.gpkg"
    (tmp_path / "work").mkdir()
    assert project.write(str(tmp_path / "work" / "project.qgz"))
    assert default_path(project, None) == tmp_path / "work" / "annotations.gpkg"
