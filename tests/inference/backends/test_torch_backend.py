"""The torch runtime's choice of precision."""

from __future__ import annotations

import pytest

from flair_landcover.inference.backends import torch_backend
from flair_landcover.inference.backends.backend import open_backend


@pytest.fixture
def measured(monkeypatch) -> list[str]:
    """The architectures that precisions were measured for, in a process that has measured nothing yet."""
    seen: list[str] = []

    def measure(backend: torch_backend.TorchBackend) -> str:
        seen.append(backend.card.architecture)
        return "bf16"

    monkeypatch.setattr(torch_backend, "_measured", {})
    monkeypatch.setattr(torch_backend, "_measure_precisions", measure)
    return seen


def test_the_automatic_precision_is_measured_once_so_that_runs_of_one_session_are_alike(measured, small_model):
    assert [open_backend(small_model, "cpu", "auto").precision for _ in range(2)] == ["bf16", "bf16"]
    assert len(measured) == 1


def test_a_precision_that_is_named_is_not_measured(measured, small_model):
    assert open_backend(small_model, "cpu", "fp32").precision == "fp32"
    assert measured == []


def test_what_is_measured_is_one_of_the_precisions(small_model):
    assert open_backend(small_model, "cpu", "auto").precision in ("fp32", "bf16")
