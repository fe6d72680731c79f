"""The plugin's version, read from the one place that states it for QGIS."""

from __future__ import annotations

import configparser
from pathlib import Path


def plugin_version() -> str:
    """The `contract.version` of metadata.txt."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(Path(__file__).parent.parent / "metadata.txt", encoding="utf-8")
    return parser["general"]["version"]
