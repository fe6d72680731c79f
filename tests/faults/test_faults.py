"""What is left when something happens to a run: the older map to the byte or the new one, whole, and one sentence.

The command line runs as a process; `driver.py` does the harm at a point of it. A few trials are made in every run of
the tests, all of them by `make test-faults`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import segmentation_job

from ..inference.conftest import Recorder, picture, read_labels, write_raster

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals, limits and rights as here are not on Windows")

SIDE = 300  # pixels: nine tiles
FIXED = {"device": "cpu", "precision": "fp32"}  # the quicker precision, which auto takes, depends on who else computes
POINTS = ("checking", "loading", "tile 1", "tile 3", "tile 6", "tile 9", "writing", "copied", "named", "last")
BEFORE_WRITING = POINTS[:7]
SIGNALS = ("SIGTERM", "SIGHUP", "SIGINT")
ALL = os.environ.get("FAULTS") == "all"
DISK = "64m"  # a full disk's size before it is full: a run's own check finds it large enough


def points(*quick: str) -> tuple[str, ...]:
    """The points of a fault to try: all of them, or a few where a run of the tests is to be short."""
    return POINTS if ALL else quick


@dataclass(repr=False)
class Trial:
    """A run to which something happens: its output folder holds an older map."""

    folder: Path
    raster: Path
    model: Path
    labels: np.ndarray
    older: bytes

    @property
    def output(self) -> Path:
        """The map's name."""
        return self.folder / "map.tif"

    def command(self, fault: str, point: str, folder: Path) -> list[str]:
        """The driver with the command line's arguments."""
        arguments = ("segment", self.raster, folder / "map.tif", "--model", self.model)
        fixed = (part for name, value in FIXED.items() for part in (f"--{name}", value))
        driver = Path(__file__).with_name("driver.py")
        return [sys.executable, *map(str, (driver, fault, point, folder, *arguments, *fixed))]

    def holds_older(self) -> None:
        """The older map is there to the byte."""
        assert self.output.read_bytes() == self.older

    def holds_new(self) -> None:
        """The new map is there, whole: each of its pixels is read."""
        assert self.output.read_bytes() != self.older
        np.testing.assert_array_equal(read_labels(self.output), self.labels)

    def hidden(self) -> list[str]:
        """What runs have left in the folder."""
        return [path.name for path in self.folder.iterdir() if path.name.startswith(".")]

    def run_again(self) -> None:
        """The next run of that name makes the map and leaves nothing else."""
        segment(segmentation_job(str(self.raster), str(self.output), model=str(self.model), **FIXED), Recorder())
        self.holds_new()
        assert self.hidden() == []


@pytest.fixture(scope="module")
def made(small_model, tmp_path_factory) -> tuple[Path, np.ndarray, bytes]:
    """A raster, the labels of its map, and an older map of another picture as bytes."""
    folder = tmp_path_factory.mktemp("made")
    for name, seed in (("older", 1), ("image", 0)):
        raster = write_raster(folder / f"{name}.tif", picture(3, SIDE, SIDE, seed=seed).astype(np.uint8))
        job = segmentation_job(str(raster), str(folder / f"{name}_map.tif"), model=str(small_model), **FIXED)
        segment(job, Recorder())
    return raster, read_labels(folder / "image_map.tif"), (folder / "older_map.tif").read_bytes()


@pytest.fixture
def trial(made, small_model, tmp_path) -> Trial:
    raster, labels, older = made
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "map.tif").write_bytes(older)
    return Trial(folder, raster, small_model, labels, older)


def run(command: list[str]) -> subprocess.CompletedProcess:
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert "Traceback" not in done.stderr
    assert "never came to the point" not in done.stderr, done.stderr
    return done


def sentence(done: subprocess.CompletedProcess) -> str:
    """The one line that the command line says at its end."""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("flair_landcover: ")]
    assert line == done.stderr.splitlines()[-1] and line.endswith(".")
    return line


@pytest.mark.parametrize("point", points("last"))
def test_a_killed_run_leaves_the_older_map_and_the_next_one_cleans_up(trial, point):
    done = run(trial.command("SIGKILL", point, trial.folder))
    assert done.returncode == -9
    trial.holds_older()
    trial.run_again()


@pytest.mark.parametrize("point", points("tile 3"))
@pytest.mark.parametrize("name", SIGNALS if ALL else SIGNALS[:1])
def test_a_signal_to_end_cleans_up_as_ctrl_c_does(trial, name, point):
    done = run(trial.command(name, point, trial.folder))
    if point in BEFORE_WRITING:
        assert done.returncode == 130
        assert sentence(done) == "flair_landcover: cancelled; nothing was written."
        trial.holds_older()
    else:  # the work is done, and takes its name
        assert done.returncode == 0
        trial.holds_new()
    assert trial.hidden() == []


def ended_whole(trial: Trial, done: subprocess.CompletedProcess, *parts: str) -> None:
    """The run failed with a sentence and the older map is there, or it did not and the new one is."""
    if done.returncode:
        assert done.returncode in (1, 2)
        assert any(part in sentence(done) for part in parts)
        trial.holds_older()
    else:
        trial.holds_new()


def can_mount() -> bool:
    """Whether a process may mount a disk of its own, which nobody else sees and which ends with it."""
    if not (shutil.which("unshare") and shutil.which("mount")):
        return False
    command = [*_APART, "mount -t tmpfs none /mnt"]
    return subprocess.run(command, capture_output=True).returncode == 0


_APART = ["unshare", *(["--map-root-user"] if os.name != "nt" and os.geteuid() else []), "--mount", "sh", "-c"]
_ON_A_DISK = (
    f'mount -t tmpfs -o size={DISK} none "$0" && cp "$1"/* "$0" || exit 99; from=$1; shift; '
    '"$@"; status=$?; rm "$0/filler"; rm "$from"/*; cp -a "$0/." "$from"; exit $status'
)


@pytest.mark.parametrize("point", points("copied"))
def test_a_disk_that_fills_up_costs_neither_map(trial, point, tmp_path):
    if not can_mount():
        pytest.skip("no disk can be mounted here")
    disk = tmp_path / "disk"
    disk.mkdir()
    done = run([*_APART, _ON_A_DISK, str(disk), str(trial.folder), *trial.command("full", point, disk)])
    ended_whole(trial, done, "cannot be written", "free some space")
    assert trial.hidden() == []
    trial.run_again()


@pytest.mark.parametrize("point", points())
def test_files_that_cannot_grow_cost_neither_map(trial, point):
    done = run(trial.command("limit", point, trial.folder))
    ended_whole(trial, done, "cannot be written")
    assert trial.hidden() == []
    trial.run_again()


@pytest.mark.parametrize("point", points())
def test_a_folder_that_becomes_read_only_costs_neither_map(trial, point):
    command = trial.command("read-only", point, trial.folder)
    if os.geteuid() == 0:  # who may write anywhere
        if not shutil.which("setpriv"):
            pytest.skip("root may write anywhere")
        without = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--bounding-set={without}", f"--inh-caps={without}", *command]
    try:
        done = run(command)
    finally:
        trial.folder.chmod(0o700)
    ended_whole(trial, done, "cannot be written", "is not writable", "may not write")
    trial.run_again()
