"""What the tests of the QGIS side share."""

from __future__ import annotations

import os
import subprocess

import pytest

from flair_landcover.runtime.environment import Engine, child_environment, worker_command

# An aerial picture of 1024 x 1024 pixels, and a small network that knows nothing: what these tests
# ask is how a run ends, not what it finds.
_SCENE_CODE = """
import os
import torch
from flair_landcover.contract.cards import ModelCard, write_card
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.weights import save_weights
from flair_landcover.research.scenes.village import make_village

make_village({folder!a}, size=1024)
torch.manual_seed(0)
model = os.path.join({folder!a}, "model")
os.mkdir(model)
card = ModelCard(id="untrained", title="Untrained", architecture="smp:Unet:resnet18")
save_weights(build_network(card).state_dict(), os.path.join(model, "weights.safetensors"))
write_card(card, model)
"""


@pytest.fixture(scope="session")
def engine_python() -> str:
    """The interpreter of the engine's environment."""
    python = os.environ.get("FLAIR_LANDCOVER_PYTHON")
    if not python:
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    return python


@pytest.fixture(scope="session")
def scene(engine_python, tmp_path_factory) -> dict:
    """Settings of a map that takes a while to make: a village's aerial picture, a model, many passes."""
    folder = tmp_path_factory.mktemp("scène")
    command = worker_command(Engine(engine_python, "the tests"))
    bootstrap = command[-1][: command[-1].index("from flair_landcover.engine.worker")]
    command[-1] = bootstrap + _SCENE_CODE.format(folder=str(folder))
    subprocess.run(command, env=child_environment(), check=True, timeout=600)
    return {"input": str(folder / "aerial.tif"), "model": str(folder / "model"), "precision": "fp32", "tta": "flips"}
