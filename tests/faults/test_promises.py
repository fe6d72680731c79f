"""The page on reliability names tests that are there."""

from __future__ import annotations

import re

from flair_landcover.tests.rooms import ROOT


def test_every_test_that_the_page_names_is_in_its_file():
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    missing = []
    found = 0
    for file, names in re.findall(r"`(tests/[\w/]+\.py)`: ((?:`test_\w+`(?:, )?)+)", text):
        source = (ROOT / file).read_text(encoding="utf-8")
        for name in re.findall(r"`(test_\w+)`", names):
            found += 1
            if f"def {name}(" not in source:
                missing.append(f"{file}: {name}")
    assert found == len(re.findall(r"`test_\w+`", text)) > 20
    assert missing == []
