"""Where the plugin's pictures are."""

from __future__ import annotations

from pathlib import Path

ICON_PATH = str(Path(__file__).parent / "icon.svg")
