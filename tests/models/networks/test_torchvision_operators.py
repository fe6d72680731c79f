"""Each test in an interpreter of its own: what an import finds depends on the imports before it."""

from __future__ import annotations

import os
import subprocess  # nosec B404 - starts this very interpreter
import sys
from pathlib import Path

import flair_landcover

_SMALL_NETWORK = """
import torch
from flair_landcover.models.networks.torchvision_operators import import_segmentation_models
smp = import_segmentation_models()
assert import_segmentation_models() is smp
network = smp.Unet("resnet18", encoder_weights=None, in_channels=4, classes=2).eval()
print(tuple(network(torch.zeros(1, 4, 64, 64)).shape))
"""


def _python(code: str, *, before: Path | None = None) -> subprocess.CompletedProcess:
    """Runs code that can import flair_landcover, and finds modules in the folder `before` first."""
    package = Path(flair_landcover.__file__).parent
    bootstrap = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location(
    "flair_landcover", {str(package / "__init__.py")!r}, submodule_search_locations=[{str(package)!r}])
sys.modules["flair_landcover"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["flair_landcover"])
"""
    environment = dict(os.environ)
    if before:
        environment["PYTHONPATH"] = str(before)
    command = [sys.executable, "-c", bootstrap + code]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)  # nosec B603 - a list, no shell


def test_segmentation_models_pytorch_imports_whether_or_not_torchvision_does():
    run = _python(_SMALL_NETWORK)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "(1, 2, 64, 64)"


def test_a_failure_of_torchvision_for_another_reason_is_not_hidden(tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('the disk is on fire')\n", encoding="utf-8"
    )
    run = _python(_SMALL_NETWORK, before=tmp_path)
    assert run.returncode != 0
    assert "the disk is on fire" in run.stderr
