from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from flair_landcover.finetune.evaluate import _zone, evaluate
from flair_landcover.inference.backends.backend import Backend, backend_of, open_backend
from flair_landcover.inference.backends.torch_backend import TorchBackend
from flair_landcover.inference.plan import make_plan
from flair_landcover.inference.raster.windows import Window

from .scenes import TINY, scene_job, source_of


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    made, _ = source_of(scene_job(tmp_path_factory.mktemp("scene"), TINY, holdout=0.34))
    with made.tiles:
        yield made


@pytest.fixture(scope="module")
def backend(source) -> Backend:
    return open_backend(source.tiles.inputs.model, "cpu", "fp32")


def always(backend: Backend, index: int) -> Backend:
    """A backend whose network says the same class everywhere."""
    assert isinstance(backend, TorchBackend)
    network = copy.deepcopy(backend.network)
    with torch.no_grad():
        head = network.get_submodule("segmentation_head.0")
        head.get_parameter("weight").zero_()
        head.get_parameter("bias").copy_(torch.eye(13)[index] * 9)
    return backend_of(backend.card, network)


@pytest.mark.parametrize("width, height, tile", [(300, 300, 64), (1000, 700, 512), (100, 40, 128), (512, 513, 512)])
def test_every_pixel_counts_in_one_tile(width, height, tile):
    plan = make_plan(width, height, Window(0, 0, width, height), tile)
    count = np.zeros((height, width), int)
    for row in range(len(plan.rows)):
        for column in range(len(plan.columns)):
            left, top, across, down = _zone(plan, plan.tile(row, column))
            count[top : top + down, left : left + across] += 1
    assert (count == 1).all()


def test_a_model_like_the_base_changes_nothing(source, backend):
    evaluation = evaluate(source, backend, backend, 0, lambda share: None)
    assert evaluation.changed == 0 and evaluation.agreement == 1
    assert evaluation.before == evaluation.after


def test_scores_are_counted_on_every_held_out_pixel(source, backend):
    first, second = always(backend, 4), always(backend, 6)  # water everywhere, deciduous everywhere
    evaluation = evaluate(source, first, second, 0, lambda share: None)
    held = [item.value for item in source.split.holdout]
    assert evaluation.after.where == "holdout"
    assert evaluation.after.pixels == len(held) * 30 * 30
    assert evaluation.before.accuracy == pytest.approx(held.count(5) / len(held), abs=1e-3)
    assert evaluation.after.accuracy == pytest.approx(held.count(7) / len(held), abs=1e-3)
    assert evaluation.changed == 1 and evaluation.agreement == 0


def test_every_tile_is_told(source, backend):
    shares = []
    evaluation = evaluate(source, backend, backend, 0, shares.append)
    assert len(shares) == evaluation.tiles and shares[-1] == 1
