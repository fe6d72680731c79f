"""The engine's fixtures, for its programs."""

from ..inference.conftest import flair_patches, small_model, utt_model  # noqa: F401 - fixtures
from ..models.conftest import unet  # noqa: F401 - fixtures
