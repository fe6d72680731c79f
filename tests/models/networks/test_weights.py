from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from flair_landcover.models.networks.weights import (
    SCALE_SUFFIX,
    load_weights,
    quantise,
    save_quantised,
    save_weights,
)

from ...refusal import refusal


def _kernels(*shape: int, seed: int = 0) -> torch.Tensor:
    """Normal kernels whose channels have very different sizes."""
    kernels = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return kernels * torch.logspace(-4, 2, shape[0]).view(-1, *[1] * (len(shape) - 1))


@pytest.mark.parametrize("bits", [2, 4, 7, 8])
@pytest.mark.parametrize("shape", [(12, 6, 3, 3), (5, 40), (16, 8, 1)])
def test_quantisation_errs_by_half_a_step_and_more_only_where_it_clips(bits, shape):
    kernels = _kernels(*shape)
    integers, scales = quantise(kernels, bits)
    assert (integers.dtype, integers.shape) == (torch.int8, kernels.shape)
    assert (scales.dtype, scales.shape) == (torch.float32, kernels.shape[:1])
    top = 2 ** (bits - 1) - 1
    assert integers.abs().max() <= top
    steps = scales.view(-1, *[1] * (kernels.ndim - 1))
    error = (integers * steps - kernels).abs()
    clipped = integers.abs() == top
    assert (error <= 0.5001 * steps)[~clipped].all()
    assert (error <= (0.4001 * kernels.abs()).maximum(0.5001 * steps))[clipped].all()  # the least range is 0.6


def test_each_channel_has_a_scale_of_its_own():
    integers, scales = quantise(_kernels(8, 200), 7)
    assert (scales.diff() > 0).all()
    assert scales[-1] / scales[0] > 1e5
    assert (integers.abs().amax(dim=1) == 63).all()


def test_clipping_never_errs_more_than_the_whole_range_would():
    kernels = _kernels(10, 500)
    integers, scales = quantise(kernels, 4)
    whole = kernels.abs().amax(dim=1, keepdim=True) / 7
    plain_error = ((kernels / whole).round() * whole - kernels).square().sum(dim=1)
    error = (integers * scales[:, None] - kernels).square().sum(dim=1)
    assert (error <= plain_error * 1.0001).all()
    assert (error < 0.9 * plain_error).any()


def test_a_channel_of_zeros_stays_zero():
    kernels = _kernels(3, 4, 2, 2)
    kernels[1] = 0
    integers, scales = quantise(kernels, 7)
    assert (integers[1] == 0).all()
    assert scales.isfinite().all()
    assert ((integers * scales.view(-1, 1, 1, 1))[1] == 0).all()


def test_constant_channels_come_back_as_they_were():
    kernels = torch.tensor([[0.3, 0.3, 0.3], [-2.0, 2.0, -2.0]])
    integers, scales = quantise(kernels, 7)
    torch.testing.assert_close(integers * scales[:, None], kernels)


def test_quantised_weights_are_loaded_as_float32(tmp_path):
    weights = {
        "kernel": _kernels(64, 32, 3, 3),
        "half": _kernels(128, 200).half(),
        "bias": torch.randn(4),
        "count": torch.tensor(7),
    }
    save_quantised(weights, tmp_path / "w.safetensors")
    stored = load_file(tmp_path / "w.safetensors")
    assert set(stored) == {*weights, "kernel" + SCALE_SUFFIX, "half" + SCALE_SUFFIX}
    assert stored["kernel"].dtype == stored["half"].dtype == torch.int8
    loaded = load_weights(tmp_path / "w.safetensors")
    assert set(loaded) == set(weights)
    integers, scales = quantise(weights["kernel"], 7)
    assert torch.equal(loaded["kernel"], integers * scales.view(-1, 1, 1, 1))
    assert loaded["half"].dtype == torch.float32
    assert torch.equal(loaded["bias"], weights["bias"])
    assert (loaded["count"].dtype, loaded["count"].item()) == (torch.int64, 7)


def test_small_kernels_keep_the_precision_of_float16(tmp_path):
    first = torch.randn(64, 5, 7, 7, generator=torch.Generator().manual_seed(1))
    save_quantised({"first": first, "rows": torch.randn(64, 300)}, tmp_path / "w.safetensors")
    stored = load_file(tmp_path / "w.safetensors")
    assert (stored["first"].dtype, stored["rows"].dtype) == (torch.float16, torch.int8)
    torch.testing.assert_close(load_weights(tmp_path / "w.safetensors")["first"], first, rtol=1e-3, atol=1e-6)


def test_rounding_rounded_weights_again_hardly_changes_them(tmp_path):
    save_quantised({"kernel": _kernels(60, 900)}, tmp_path / "once")
    once = load_weights(tmp_path / "once")
    save_quantised(once, tmp_path / "twice")
    torch.testing.assert_close(load_weights(tmp_path / "twice"), once, rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_any_precision_are_loaded_as_float32(tmp_path, dtype):
    kernel = torch.randn(3, 2, 3, 3).to(memory_format=torch.channels_last).to(dtype)
    save_weights({"kernel": kernel}, tmp_path / "w.safetensors")
    assert load_file(tmp_path / "w.safetensors")["kernel"].dtype == dtype
    assert torch.equal(load_weights(tmp_path / "w.safetensors")["kernel"], kernel.float())


def test_weights_are_readable_by_all_and_nothing_is_left_beside_them(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights({"a": torch.ones(2)}, path)
    save_weights({"a": torch.zeros(2)}, path)
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]
    assert path.stat().st_mode & 0o444 == 0o444
    assert torch.equal(load_weights(path)["a"], torch.zeros(2))


@pytest.mark.parametrize("content", [b"", b"text, not tensors\n", b"\x08\0\0\0\0\0\0\0{}      "[:9]])
def test_a_file_that_is_not_safetensors_is_refused(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    assert str(tmp_path / "w.safetensors") in refusal(load_weights, tmp_path / "w.safetensors")


def test_missing_and_truncated_weights_are_refused(tmp_path):
    refusal(load_weights, tmp_path / "w.safetensors")
    save_weights({"a": torch.ones(100)}, tmp_path / "w.safetensors")
    content = (tmp_path / "w.safetensors").read_bytes()
    (tmp_path / "w.safetensors").write_bytes(content[:-50])
    refusal(load_weights, tmp_path / "w.safetensors")


def test_scales_that_are_not_one_a_channel_are_refused(tmp_path):
    stored = {"kernel": torch.ones(4, 2, dtype=torch.int8), "kernel" + SCALE_SUFFIX: torch.ones(3)}
    save_file(stored, tmp_path / "w.safetensors")
    assert "each channel of kernel" in refusal(load_weights, tmp_path / "w.safetensors")
