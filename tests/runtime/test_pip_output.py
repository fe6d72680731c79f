"""pip's lines as steps, and steps as progress."""

from __future__ import annotations

import pytest

from flair_landcover.runtime.pip_output import COLLECTING, DOWNLOADING, INSTALLED, INSTALLING, PipStep, parse_line
from flair_landcover.runtime.pip_progress import PipProgress

TORCH = "torch-2.6.0-cp312-cp312-manylinux1_x86_64.whl"


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("Collecting torch<3,>=2.4 (from -r requirements.txt (line 3))", PipStep(COLLECTING, ("torch",))),
        ("Collecting segmentation-models-pytorch", PipStep(COLLECTING, ("segmentation-models-pytorch",))),
        ("Processing /data/été/torch-2.6.0-py3-none-any.whl", PipStep(COLLECTING, ("torch",))),
        (f"  Downloading {TORCH} (766.7 MB)", PipStep(DOWNLOADING, ("torch",), TORCH, 766_700_000)),
        (f"  Downloading {TORCH}.metadata (28 kB)", PipStep(COLLECTING, ("torch",))),
        (
            "  Downloading https://e.org/whl/torch-2.6.0%2Bcu126-cp312-none-any.whl (1.2 GB)",
            PipStep(DOWNLOADING, ("torch",), "torch-2.6.0+cu126-cp312-none-any.whl", 1_200_000_000),
        ),
        ("  Using cached affine-2.4.0-py3-none-any.whl (15 kB)", PipStep(DOWNLOADING, ("affine",), "", 15_000)),
        ("  Downloading x_y-1-py3-none-any.whl", PipStep(DOWNLOADING, ("x-y",), "x_y-1-py3-none-any.whl")),
        ("Installing collected packages: mpmath, numpy, torch", PipStep(INSTALLING, ("mpmath", "numpy", "torch"))),
        ("Successfully installed numpy-2.1 torch-2.6", PipStep(INSTALLED, ("numpy-2.1", "torch-2.6"))),
        ("Looking in indexes: https://e.org/simple", None),
        ("Requirement already satisfied: numpy in /x", None),
        ("", None),
    ],
)
def test_a_line_says_what_pip_does(line, step):
    assert parse_line(line) == step


def test_a_download_is_followed_by_the_size_of_its_file(tmp_path):
    told: list[tuple[float, str]] = []
    unpacked = [3]
    progress = PipProgress(tmp_path, lambda share, message: told.append((share, message)), lambda: unpacked[0])
    progress.line("Collecting torch")
    progress.line(f"  Downloading {TORCH} (400.0 MB)")
    folder = tmp_path / "pip-unpack-x1"
    folder.mkdir()
    with open(folder / TORCH, "wb") as file:
        file.truncate(225_000_000)  # a hole, which takes no room
    progress.tick()
    assert told[-1] == (pytest.approx(0.4), "Downloading torch (225 of 400 MB)")
    progress.line("Installing collected packages: torch, numpy")
    assert told[-1] == (pytest.approx(0.8), "Unpacking 2 packages (0 done)")
    unpacked[0] = 4
    progress.tick()
    assert told[-1] == (pytest.approx(0.9), "Unpacking 2 packages (1 done)")
    progress.line("Successfully installed torch-2.6 numpy-2.1")
    assert told[-1][0] == 1.0
    assert [share for share, _ in told] == sorted(share for share, _ in told)


def test_a_share_never_falls_when_more_is_announced(tmp_path):
    told: list[float] = []
    progress = PipProgress(tmp_path, lambda share, message: told.append(share))
    for size in (400, 800, 700):
        progress.line(f"  Downloading torch{size}-1-py3-none-any.whl ({size}.0 MB)")
    progress.line("Collecting numpy")
    assert told == sorted(told) and told[-1] <= 0.8
