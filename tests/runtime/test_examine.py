"""What an environment holds and can do, found out by its own Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flair_landcover.runtime import examine as examine_module
from flair_landcover.runtime import failures
from flair_landcover.runtime.errors import CancelledError
from flair_landcover.runtime.examine import Examination, ExaminedDevice, examine, gpu_reason, nvidia_card
from flair_landcover.runtime.setup_report import copyable_report
from flair_landcover.runtime.verify import verify_prediction


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def examined(engine_python) -> Examination:
    return examine(engine_python)


@pytest.fixture
def no_card(monkeypatch):
    monkeypatch.setattr(examine_module, "nvidia_card", lambda: "")


def test_the_engines_environment_tells_its_versions_and_devices(examined):
    assert examined.failure is None and examined.missing == ()
    assert all(examined.versions[name] for name in ("torch", "segmentation-models-pytorch", "rasterio", "numpy"))
    assert examined.python_version.startswith("3.")
    processor = examined.devices[-1]
    assert processor.id == "cpu" and processor.works and processor.seconds > 0 and processor.reason == ""
    assert examined.instructions
    assert examined.run_device in {device.id for device in examined.devices if device.offered}
    assert examined.device_sentence.startswith("A run use")


def test_a_card_that_torch_was_not_built_for_is_named_with_what_to_do(engine_python, examined, tmp_path, monkeypatch):
    if examined.cuda_build:
        pytest.skip("this torch is built for CUDA")
    script(tmp_path / "nvidia-smi", "echo 'NVIDIA GeForce RTX 3060, 550.54.14'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = examine(engine_python)
    assert [device.id for device in found.devices] == ["cuda", "cpu"]
    card = found.devices[0]
    assert not card.works and "RTX 3060, driver 550.54.14" in card.reason and "processor alone" in card.reason
    assert found.failure is None and found.run_device == "cpu"
    assert found.device_sentence.startswith("A run uses CPU. The graphics card NVIDIA GeForce RTX 3060")


def test_a_driver_that_does_not_answer_gives_no_name(tmp_path, monkeypatch):
    script(tmp_path / "nvidia-smi", "echo 'NVIDIA-SMI has failed'; exit 9")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert examine_module._card_of_driver() == ""
    assert nvidia_card() == examine_module._card_of_bus(Path("/sys/bus/pci/devices"))


def test_a_card_without_a_driver_is_found_on_the_bus(tmp_path):
    for name, vendor, kind in (("0", "0x8086", "0x030000"), ("1", "0x10de", "0x040300")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(vendor + "\n")
        (tmp_path / name / "class").write_text(kind + "\n")
    assert examine_module._card_of_bus(tmp_path) == ""  # Intel's graphics, NVIDIA's sound
    (tmp_path / "1" / "class").write_text("0x030200\n")
    assert "NVIDIA" in examine_module._card_of_bus(tmp_path)


@pytest.mark.parametrize(
    ("build", "error", "said"),
    [
        ("", "AssertionError: Torch not compiled with CUDA enabled", "processor alone"),
        (
            "CUDA 12.6",
            "RuntimeError: The NVIDIA driver on your system is too old (found 11040)",
            "too old for CUDA 12.6",
        ),
        ("CUDA 12.6", "RuntimeError: Found no NVIDIA driver on your system.", "does not answer"),
        ("CUDA 12.6", "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 MiB", "memory is full"),
        ("CUDA 12.6", "AcceleratorError: CUDA error: no kernel image is available", "another build"),
        ("CUDA 12.6", "the process ended with status -11", "status -11"),
    ],
)
def test_the_reason_why_a_card_cannot_be_used_says_what_to_do(build, error, said):
    reason = gpu_reason(build, "GeForce", error)
    assert said in reason and reason.startswith("The graphics card GeForce cannot be used, ") and reason.endswith(".")


def test_a_driver_that_crashes_the_process_leaves_what_was_found_before(no_card):
    answers = [
        {"python": "3.12.1", "machine": "x86_64", "versions": {"torch": "2.6"}, "missing": []},
        {"torch": "2.6", "cuda_build": "12.6", "hip_build": "", "instructions": ["AVX2"]},
        {"trying": "cpu", "name": "CPU", "offered": True},
        {"device": "cpu", "seconds": 0.001, "error": ""},
        {"trying": "cuda", "name": "GeForce", "offered": True},
    ]
    found = examine_module._examination("python", answers, -11, "", "GeForce, driver 1")
    assert [(device.id, device.works) for device in found.devices] == [("cuda", False), ("cpu", True)]
    assert "status -11" in found.devices[0].reason
    assert found.failure is None
    assert found.run_device == "cuda" and "Choose the device cpu" in found.device_sentence


def test_a_cuda_build_without_a_card_says_nothing_of_one(no_card):
    answers = [
        {"python": "3.12.1", "machine": "x86_64", "versions": {}, "missing": []},
        {"torch": "2.6", "cuda_build": "12.6", "hip_build": "", "instructions": []},
        {"trying": "cpu", "name": "CPU", "offered": True},
        {"device": "cpu", "seconds": 0.001, "error": ""},
        {"trying": "cuda", "name": "", "offered": False},
        {"device": "cuda", "seconds": 0.0, "error": "RuntimeError: Found no NVIDIA driver on your system."},
        {"mismatch": "operator torchvision::nms does not exist"},
    ]
    found = examine_module._examination("python", answers, 0, "", "")
    assert found.device_sentence == "A run uses CPU."
    assert len(found.notes) == 1 and "harmless" in found.notes[0]


@pytest.fixture
def bare(tmp_path) -> Path:
    """An interpreter without any package."""
    return script(tmp_path / "python", f'exec "{sys.executable}" -S "$@"')


def test_what_an_environment_lacks_is_named(bare):
    found = examine(str(bare))
    assert found.failure.cause == failures.BROKEN
    assert "torch" in found.missing and "lacks torch and" in found.failure.sentence
    assert found.versions["torch"] == "" and found.python_version


def test_a_torch_that_cannot_be_loaded_is_a_broken_environment(tmp_path):
    folder = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    packages = next((folder / "lib").glob("python3*/site-packages"))
    for name in examine_module.REQUIRED_MODULES:
        (packages / f"{name}.py").write_text("raise OSError('libcudart.so: cannot open shared object file')\n")
    found = examine(str(folder / "bin" / "python"))
    assert found.failure.cause == failures.BROKEN and "torch cannot be loaded" in found.failure.sentence
    assert any("libcudart" in line for line in found.failure.lines)


def test_a_program_that_is_no_python_is_named(tmp_path):
    assert examine(str(tmp_path / "nowhere")).failure.cause == failures.BROKEN
    assert "does not run" in examine(str(script(tmp_path / "python", "echo hello"))).failure.sentence


def test_an_examination_can_be_cancelled(tmp_path):
    with pytest.raises(CancelledError):
        examine(str(script(tmp_path / "python", "sleep 600")), lambda: True)


def test_the_engine_makes_a_map_where_all_is_well(engine_python, tmp_path):
    verify_prediction(engine_python, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_environment_in_which_no_map_is_made_is_broken(bare, tmp_path):
    with pytest.raises(failures.SetupFailed) as caught:
        verify_prediction(str(bare), tmp_path)
    assert caught.value.failure.cause == failures.BROKEN
    assert any("numpy" in line for line in caught.value.failure.lines)


def test_the_report_tells_all_and_names_nobody(monkeypatch):
    monkeypatch.setenv("HOME", "/data/people/josefine")
    found = Examination(
        "/data/people/josefine/engine/bin/python",
        "3.12.1",
        "x86_64",
        {"torch": "2.6.0", "rasterio": ""},
        devices=(
            ExaminedDevice("cpu", "CPU", True, True, 0.001),
            ExaminedDevice("cuda", "GeForce", False, False, reason="No."),
        ),
    )
    proxy = "https://me:secret@e.org failed"  # pragma: allowlist secret
    text = copyable_report(found, failures.failure(failures.NO_NETWORK, output=proxy))
    for part in (
        "torch 2.6.0",
        "rasterio missing",
        "cpu (CPU): works (1.0 ms)",
        "Failure (no_network)",
        "Next: ",
    ):
        assert part in text
    assert "~/engine/bin/python" in text
    assert "josefine" not in text and "secret" not in text
