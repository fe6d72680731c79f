from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flair_landcover.research.dataset import ALL_ROLES, LabelledImage
from flair_landcover.research.generated import generated_images

DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data."""
    if not DATA.is_dir():
        pytest.skip(f"the real data is not at {DATA}")
    return DATA


@pytest.fixture(scope="session")
def scene() -> LabelledImage:
    """A generated scene with its series."""
    return next(generated_images([5]))


@pytest.fixture
def halves() -> LabelledImage:
    """An image whose western half is water and dark, and whose eastern half is bright and deciduous."""
    codes = np.full((96, 96), 5, np.uint8)
    codes[:, 48:] = 7
    bands = np.full((5, 96, 96), 40, np.uint8)
    bands[:, :, 48:] = 180
    return LabelledImage("generated/halves", "generated", bands, ALL_ROLES, codes, 0.2)
