"""What an engine remarks, as the sentences that tests ask for."""

from __future__ import annotations

from flair_landcover.contract.notices import Warn, english


def in_english(sentences: list[str]) -> Warn:
    """Takes notices and adds them to the sentences in English."""
    return lambda notice: sentences.append(english(notice))
