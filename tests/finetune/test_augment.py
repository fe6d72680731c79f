from __future__ import annotations

import numpy as np
import torch

from flair_landcover.finetune.augment import change_light
from flair_landcover.research.scenes.scene import draw_scene


def test_light_changes_stay_in_range():
    bands = torch.from_numpy(draw_scene(1000).aerial).float() / 255
    for seed in range(10):
        changed = change_light(bands, np.random.default_rng(seed))
        assert changed.shape == bands.shape
        assert changed.min() >= 0 and changed.max() <= 1
        assert not torch.equal(changed[:4], bands[:4])
