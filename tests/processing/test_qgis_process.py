"""`flair:segment` from the command line of QGIS."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.tests import qgis_side

gdal = pytest.importorskip("osgeo.gdal", reason="needs QGIS's Python")


def values_of(printed: str, heading: str) -> dict[str, str]:
    """The lines `NAME:<tab>value` under a heading of qgis_process."""
    lines = printed[printed.index(heading) :].splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def processes_in(folder: Path) -> list[int]:
    """Processes whose current folder is `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                current = os.readlink(entry / "cwd")
            except OSError:
                continue
            if current == str(folder):
                found.append(int(entry.name))
    return found


def test_the_provider_and_its_algorithms_are_listed(qgis_process):
    listed = qgis_process("list").stdout
    provider = listed[listed.index("FLAIR Land Cover") :].splitlines()
    assert [line.split("\t") for line in provider[1:5]] == [
        ["", "flair:engine", "Install or check the engine"],
        ["", "flair:fetcharea", "Fetch an area of a web layer"],
        ["", "flair:finetune", "Fine-tune a land-cover model"],
        ["", "flair:segment", "Land cover of an aerial image"],
    ]


@pytest.mark.parametrize(
    ("algorithm", "names"),
    [
        ("flair:segment", qgis_side.PARAMETERS),
        ("flair:finetune", qgis_side.FINETUNE_PARAMETERS),
        ("flair:engine", ["ACTION", "WHEELS", "TORCH_INDEX", "INDEX"]),
    ],
)
def test_help_says_something_about_every_parameter(qgis_process, algorithm, names):
    lines = qgis_process("help", algorithm).stdout.splitlines()
    for name in names:
        at = next(i for i, line in enumerate(lines) if line.startswith(f"{name}: "))
        text = lines[at + 1].strip()
        assert lines[at + 1].startswith("\t") and not text.startswith("Argument type") and text.endswith("."), name


def test_help_names_the_area_of_every_class(qgis_process):
    lines = qgis_process("help", "flair:segment").stdout.splitlines()
    outputs = lines[lines.index("Outputs") :]
    for land_cover in FLAIR_CLASSES:
        assert f"AREA_{land_cover.name.upper().replace(' ', '_')}: <outputNumber>" in outputs


def test_a_run_writes_three_rasters_by_relative_names_in_a_folder_that_is_not_ascii(
    qgis_process, aerial, model, tmp_path
):
    folder = tmp_path / "Forêt d'Été 図"
    folder.mkdir()
    shutil.copy(aerial, folder / "orthophoto é.tif")
    shutil.copytree(model, folder / "modèle")
    run = qgis_process(
        "run",
        "flair:segment",
        "--",
        "INPUT=orthophoto é.tif",
        "MODEL=modèle",
        "PRECISION=fp32",
        "DEVICE=cpu",
        "OUTPUT=carte ö.tif",
        "OUTPUT_CONFIDENCE=sûreté.tif",
        "OUTPUT_PROBABILITIES=probabilités.tif",
        folder=folder,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    results = values_of(run.stdout, "Results")
    assert results["OUTPUT"] == "carte ö.tif"

    labels = qgis_side.read_pixels(folder / "carte ö.tif")
    assert labels.shape == (1, 200, 200)
    assert labels.min() >= 1 and labels.max() <= 13
    areas = {name: float(value) for name, value in results.items() if name.startswith("AREA_")}
    assert set(areas) == {f"AREA_{c.name.upper().replace(' ', '_')}" for c in FLAIR_CLASSES}
    assert sum(areas.values()) == pytest.approx((200 * qgis_side.PIXEL_M) ** 2)
    for land_cover in FLAIR_CLASSES:
        pixels = int((labels == land_cover.value).sum())
        name = f"AREA_{land_cover.name.upper().replace(' ', '_')}"
        assert areas[name] == pytest.approx(pixels * qgis_side.PIXEL_M**2)

    confidence = qgis_side.read_pixels(folder / "sûreté.tif")
    probabilities = qgis_side.read_pixels(folder / "probabilités.tif")
    assert confidence.shape == (1, 200, 200)
    assert probabilities.shape == (13, 200, 200)
    assert abs(probabilities.max(axis=0) / 255 * 100 - confidence[0]).max() <= 0.7

    for name in ("carte ö.tif", "sûreté.tif", "probabilités.tif"):
        dataset = gdal.Open(str(folder / name))
        provenance = json.loads(dataset.GetMetadataItem("FLAIR_LANDCOVER"))
        assert provenance["model"]["id"] == "untrained"
        assert provenance["job"]["input"] == [str(folder / "orthophoto é.tif")]
        assert (provenance["device"], provenance["precision"]) == ("cpu", "fp32")
    written = set(os.listdir(folder)) - {"orthophoto é.tif", "orthophoto é.tif.aux.xml", "modèle"}
    assert written == {"carte ö.tif", "carte ö.tif.aux.xml", "carte ö.qml", "sûreté.tif", "probabilités.tif"}
    # The worker ends with QGIS, of which it learns when its standard input closes.
    give_up = time.monotonic() + 30
    while processes_in(folder) and time.monotonic() < give_up:
        time.sleep(0.1)
    assert processes_in(folder) == []


@pytest.mark.parametrize("form", ["folder", "files"])
def test_a_series_is_a_folder_or_the_parameter_once_for_each_file(qgis_process, aerial, tmp_path, form):
    qgis_side.write_series(tmp_path / "série")
    given = ["série"] if form == "folder" else [f"série/{date}.tif" for date in ("20210415", "20210520")]
    run = qgis_process(
        *("run", "flair:segment", "--", f"INPUT={aerial}", "DEVICE=cpu", "PRECISION=fp32", "OUTPUT=map.tif"),
        *(f"SENTINEL2={each}" for each in given),
        "LEAVE_OUT=2021-05-20",
        folder=tmp_path,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    provenance = json.loads(gdal.Open(str(tmp_path / "map.tif")).GetMetadataItem("FLAIR_LANDCOVER"))
    assert provenance["job"]["sentinel2"] == [str(tmp_path / each) for each in given]
    assert provenance["sentinel2_dates"] == ["2021-04-15"]


@pytest.fixture
def bd_ortho(tmp_path) -> Path:
    """A folder of two tiles in colours (RVB) and one of the same tiles in colour infrared (IRC)."""
    pixels = qgis_side.read_pixels(qgis_side.write_aerial(tmp_path / "whole.tif", bands=4))
    for name, order in (("RVB", (0, 1, 2)), ("IRC", (3, 0, 1))):
        (tmp_path / name).mkdir()
        for tile, start in (("west", 0), ("east", 100)):
            part = pixels[list(order), :, start : start + 100].copy()
            left = qgis_side.LEFT + start * qgis_side.PIXEL_M
            qgis_side.write_raster(tmp_path / name / f"{tile}.tif", part, left=left)
    return tmp_path


def test_folders_of_tiles_in_colours_and_infrared_are_one_image(qgis_process, bd_ortho, model):
    usual = [f"MODEL={model}", "PRECISION=fp32", "DEVICE=cpu"]
    run = qgis_process(
        *("run", "flair:segment", "--", "TILES=RVB", "INFRARED=IRC", *usual, "OUTPUT=map.tif"), folder=bd_ortho
    )
    assert run.returncode == 0, run.stdout + run.stderr
    whole = qgis_process(
        *("run", "flair:segment", "--", "INPUT=whole.tif", "BANDS=R=1 G=2 B=3 NIR=4", *usual, "OUTPUT=one.tif"),
        folder=bd_ortho,
    )
    assert whole.returncode == 0, whole.stdout + whole.stderr
    labels = qgis_side.read_pixels(bd_ortho / "map.tif")
    assert np.array_equal(labels, qgis_side.read_pixels(bd_ortho / "one.tif")) and len(np.unique(labels)) > 1
    provenance = json.loads(gdal.Open(str(bd_ortho / "map.tif")).GetMetadataItem("FLAIR_LANDCOVER"))
    assert provenance["job"]["input"] == [str(bd_ortho / "RVB")]
    assert provenance["job"]["infrared"] == str(bd_ortho / "IRC")


def test_a_batch_goes_on_with_a_warning_where_something_is_in_doubt_and_refuses_it_where_it_is_strict(
    qgis_process, model, tmp_path
):
    pixels = qgis_side.read_pixels(qgis_side.write_aerial(tmp_path / "fine.tif", bands=3))
    qgis_side.write_raster(tmp_path / "coarse.tif", pixels, pixel_m=1.0)
    for name, strict, status in (("coarse", "false", 0), ("coarse", "true", 1), ("fine", "true", 0)):
        run = qgis_process(
            *("run", "flair:segment", "--", f"INPUT={name}.tif", f"MODEL={model}", "PRECISION=fp32", "DEVICE=cpu"),
            *(f"STRICT={strict}", f"OUTPUT={name}_{strict}.tif"),
            folder=tmp_path,
        )
        said = run.stdout + run.stderr
        assert run.returncode == status, said
        assert (tmp_path / f"{name}_{strict}.tif").exists() == (status == 0)
        assert ("has pixels of 1 m" in said) == (name == "coarse")
        assert ("takes nothing that is in doubt" in run.stderr) == (status == 1)


def test_bad_input_ends_with_status_1_and_the_engines_sentence_as_one_error(qgis_process, aerial, model, tmp_path):
    degrees = tmp_path / "degrees.tif"
    gdal.Translate(str(degrees), str(aerial), outputSRS="EPSG:4326")
    run = qgis_process(
        "run", "flair:segment", "--", f"INPUT={degrees}", f"MODEL={model}", f"OUTPUT={tmp_path / 'map.tif'}"
    )
    assert run.returncode == 1
    errors = [line for line in run.stderr.splitlines() if line.startswith("ERROR:")]
    assert errors == [
        f"ERROR:\tThe aerial raster {degrees} has a geographic CRS, whose pixels are in degrees: reproject it first "
        "to a projected CRS, such as Lambert-93 (EPSG:2154) or the local UTM zone."
    ]
    assert "Traceback" not in run.stdout + run.stderr
    # QGIS keeps statistics of a raster that it opens beside it.
    assert set(os.listdir(tmp_path)) <= {"degrees.tif", "degrees.tif.aux.xml"}


def test_an_error_is_printed_as_often_as_one_of_qgiss_own_algorithms(qgis_process, aerial, model, tmp_path):
    # QGIS writes the sentence of a QgsProcessingException to its log, to the feedback and at the end.
    theirs = qgis_process(
        "run", "native:rasterlayerstatistics", "--", f"INPUT={aerial}", "BAND=99", f"OUTPUT_HTML_FILE={tmp_path}/x.html"
    )
    ours = qgis_process(
        "run", "flair:segment", "--", f"INPUT={aerial}", "MODEL=nowhere", f"OUTPUT={tmp_path / 'map.tif'}"
    )
    assert theirs.returncode == ours.returncode == 1
    assert ours.stderr.count("There is no model named nowhere") == theirs.stderr.count("Invalid band number for BAND")
    assert "There is no model" not in ours.stdout
