"""What `metadata.txt` says of the plugin."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def metadata() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "metadata.txt", encoding="utf-8")
    return parser["general"]


def test_metadata_holds_what_qgis_and_the_plugin_site_ask_for(metadata):
    for name in ("name", "description", "about", "version", "author", "qgisMinimumVersion"):
        assert metadata[name].strip(), name
    assert metadata["name"] == "FLAIR Land Cover"
    assert metadata["qgisMinimumVersion"] == "3.22"
    # Qt 6 is stated by the range of versions; the site takes the old key for an error.
    assert metadata["qgisMaximumVersion"] == "4.99"
    assert "supportsQt6" not in metadata
    assert metadata["hasProcessingProvider"] == "yes"
    assert metadata["category"] in ("Raster", "Vector", "Database", "Mesh", "Web")
    assert re.fullmatch(r"\d+\.\d+\.\d+", metadata["version"])


def test_the_icon_that_metadata_names_is_there(metadata):
    icon = ROOT / metadata["icon"]
    assert icon.read_text(encoding="utf-8").lstrip().startswith(("<svg", "<?xml"))


def test_the_version_is_the_one_of_the_package(metadata):
    # Not with tomllib, which Python has since 3.11 only.
    stated = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert stated, "pyproject.toml states no version"
    assert stated[1] == metadata["version"]
