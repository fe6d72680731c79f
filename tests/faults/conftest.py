"""The engine's fixtures, for what happens to its runs."""

from ..inference.conftest import small_model, utt_model  # noqa: F401 - fixtures
