"""The command line as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import rasterio

from flair_landcover.contract.cards import ModelCard
from flair_landcover.contract.nomenclature import FLAIR_CLASSES, LandCoverClass

from ..inference.conftest import make_model, picture, write_raster
from ..inference.sentinel2.made_series import write_date


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "flair_landcover", *map(str, arguments)]


def test_segment_writes_the_map_and_prints_areas(small_model, tmp_path):
    raster = write_raster(tmp_path / "été.tif", picture(5, 200, 200).astype(np.uint8))
    done = subprocess.run(
        command("segment", raster, tmp_path / "map.tif", "--model", small_model, "--device", "cpu"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Tile 1 of 4" in done.stderr  # the progress bar
    lines = done.stdout.splitlines()
    assert len(lines) == 14
    assert sum(float(line.split()[-3]) for line in lines[1:]) == pytest.approx(1600, abs=13 * 0.05)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert dataset.read(1).min() >= 1


def test_the_models_own_classes_are_mapped_where_asked_for(tmp_path):
    pool = LandCoverClass(14, "swimming pool", "#3de6eb")
    settings = {"own_classes": (*FLAIR_CLASSES[:12], pool), "own_outputs": (*range(1, 13), 14)}
    card = ModelCard("pools", "Pools", "smp:Unet:resnet18", tile_size=128, **settings)
    model = make_model(tmp_path / "pools", card)
    raster = write_raster(tmp_path / "a.tif", picture(5, 100, 100).astype(np.uint8))
    for choice, named in (("model", "14 swimming pool"), ("flair13", "13 other")):
        done = subprocess.run(
            command("segment", raster, tmp_path / "map.tif", "--model", model, "--device", "cpu", "--classes", choice),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].strip().startswith(named)
        assert ("swimming pool become" in done.stderr) == (choice == "flair13")


def test_a_series_dates_to_leave_out_and_a_difference_are_taken(utt_model, tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(5, 60, 60).astype(np.uint8))
    series = [write_date(tmp_path / "s", f"2021-0{month}-15").bands[0].path for month in (3, 4, 5)]
    done = subprocess.run(
        command(
            *("segment", raster, tmp_path / "map.tif", "--model", utt_model, "--device", "cpu"),
            *("--sentinel2", *series, "--leave-out", "2021-04-15", "--difference", tmp_path / "d.tif"),
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Sentinel-2 changed" in done.stdout.splitlines()[-1]
    with rasterio.open(tmp_path / "map.tif") as dataset:
        made = json.loads(dataset.tags()["FLAIR_LANDCOVER"])
    assert made["sentinel2_dates"] == ["2021-03-15", "2021-05-15"]
    assert made["job"]["sentinel2"] == series
    assert (tmp_path / "d.tif").is_file()


def test_bad_input_is_status_2_and_one_line(tmp_path):
    done = subprocess.run(
        command("segment", tmp_path / "no.tif", tmp_path / "map.tif"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()[-1]) > 20
    assert [line for line in done.stderr.splitlines() if "Traceback" in line] == []


def test_ctrl_c_is_status_130_and_leaves_nothing(small_model, tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(3, 1500, 1500).astype(np.uint8))
    folder = tmp_path / "out"
    folder.mkdir()
    running = subprocess.Popen(
        command("segment", raster, folder / "map.tif", "--model", small_model, "--device", "cpu", "--tta", "d4"),
        stderr=subprocess.PIPE,
    )
    while not any(folder.iterdir()):  # the working folder: tiles are being predicted
        assert running.poll() is None
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGINT)
    running.communicate()
    assert running.returncode == 130
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
def test_a_terminal_that_closes_is_a_cancel(small_model, tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(3, 1500, 1500).astype(np.uint8))
    folder = tmp_path / "out"
    folder.mkdir()
    terminal, inside = os.openpty()
    as_its_own = (
        "import fcntl, signal, sys, termios; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "from flair_landcover.__main__ import main; sys.exit(main())"
    )
    arguments = "segment", raster, folder / "map.tif", "--model", small_model, "--device", "cpu", "--tta", "d4"
    running = subprocess.Popen(
        [sys.executable, "-c", as_its_own, *map(str, arguments)],
        **dict.fromkeys(("stdin", "stdout", "stderr"), inside),
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    os.close(inside)
    while not any(folder.iterdir()):
        assert running.poll() is None
        time.sleep(0.05)
    os.close(terminal)
    assert running.wait(timeout=120) == 130
    assert list(folder.iterdir()) == []
    assert list(tmp_path.glob("*.log")) == []  # no error that nobody foresaw


def test_models_are_listed_and_checkpoints_installed(small_model, tmp_path):
    environment = {**os.environ, "FLAIR_LANDCOVER_MODELS": str(tmp_path)}
    refused = subprocess.run(
        command("models", "--install", small_model / "card.json"), env=environment, capture_output=True, check=False
    )
    assert refused.returncode == 2
    (tmp_path / "mine").symlink_to(small_model)
    listed = subprocess.run(command("models"), env=environment, capture_output=True, text=True, check=True)
    assert "small" in listed.stdout


def test_a_number_with_an_exponent_is_a_number_though_it_is_negative(small_model, tmp_path):
    raster = write_raster(tmp_path / "a.tif", picture(3, 64, 64).astype(np.uint8))
    given = command("segment", raster, tmp_path / "map.tif", "--model", small_model, "--device", "cpu")
    done = subprocess.run([*given, "--extent", "-1e5", "-1.5E+3", "2e6", "9e6"], capture_output=True, text=True)
    assert done.returncode == 2 and "free some space" in done.stderr  # a map of so much needs many terabytes
    done = subprocess.run([*given, "--extent", "-1e5", "-1e4", "-1e3", "-1e2"], capture_output=True, text=True)
    assert done.returncode == 2 and "lies outside the aerial raster" in done.stderr


def test_whoever_reads_may_have_enough(tmp_path):
    if sys.platform == "win32":
        pytest.skip("a shell with pipes as here is not on Windows")
    done = subprocess.run(
        f"{sys.executable} -m flair_landcover models published | head -1", shell=True, capture_output=True, text=True
    )
    assert done.stdout.count("\n") == 1 and done.stderr == ""
    done = subprocess.run(f"{sys.executable} -m flair_landcover models >&-", shell=True, capture_output=True, text=True)
    assert done.stderr == ""


def test_an_error_that_nobody_foresaw_is_one_sentence_that_names_its_log(tmp_path):
    code = (
        "import sys; from flair_landcover.engine import cli\n"
        "def fail(options): raise KeyError('unforeseen')\n"
        "cli._segment = fail; sys.exit(cli.run(['segment', 'a.tif', 'b.tif']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("flair_landcover: The engine failed (KeyError: 'unforeseen')")
    (log,) = tmp_path.glob("flair_landcover-*.log")
    assert str(log) in line and "Traceback" in log.read_text(encoding="utf-8")
