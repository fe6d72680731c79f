"""GDAL in the engine's process: what the environment, a file or a virtual raster says to it does not reach it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import rasterio.shutil

from flair_landcover.tests.inference.conftest import picture, write_raster

WMS = """<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/${{z}}/${{x}}/${{y}}.png</ServerUrl></Service>
<DataWindow><UpperLeftX>600000</UpperLeftX><UpperLeftY>6900000</UpperLeftY><LowerRightX>600100</LowerRightX>
<LowerRightY>6899900</LowerRightY><TileLevel>1</TileLevel></DataWindow><Projection>EPSG:2154</Projection>
<BandsCount>3</BandsCount></GDAL_WMS>"""


@pytest.fixture
def server():
    """The address of a server, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    running = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}", asked
    running.shutdown()
    running.server_close()


def segment(raster: Path | str, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    command = [
        sys.executable,
        "-m",
        "flair_landcover",
        "segment",
        str(raster),
        str(folder / "map.tif"),
        "--device",
        "cpu",
    ]
    settings = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=settings)


def test_a_tiff_that_is_an_address_in_disguise_is_refused_and_nothing_is_asked(server, tmp_path):
    url, asked = server
    (tmp_path / "a.tif").write_text(WMS.format(url=url), encoding="utf-8")
    done = segment(tmp_path / "a.tif", tmp_path)
    assert done.returncode == 2 and "cannot be read as a raster" in done.stderr
    assert asked == []


@pytest.mark.parametrize("form", ["/vsicurl/{url}/a.tif", "{url}/a.tif"])
def test_a_virtual_raster_of_something_elsewhere_is_refused_and_nothing_is_asked(server, form, tmp_path):
    url, asked = server
    write_raster(tmp_path / "a.tif", picture(3, 64, 64).astype(np.uint8))
    rasterio.shutil.copy(tmp_path / "a.tif", tmp_path / "a.vrt", driver="VRT")
    text = (tmp_path / "a.vrt").read_text(encoding="utf-8")
    text = text.replace('relativeToVRT="1">a.tif<', f'relativeToVRT="0">{form.format(url=url)}<')
    assert url in text
    (tmp_path / "a.vrt").write_text(text, encoding="utf-8")
    done = segment(tmp_path / "a.vrt", tmp_path)
    assert done.returncode == 2 and "would be fetched from elsewhere" in done.stderr
    assert asked == []


def test_a_virtual_raster_runs_no_python(tmp_path):
    write_raster(tmp_path / "a.tif", picture(3, 64, 64).astype(np.uint8))
    rasterio.shutil.copy(tmp_path / "a.tif", tmp_path / "a.vrt", driver="VRT")
    code = f"open({str(tmp_path / 'ran')!r}, 'w')"
    function = (
        "<PixelFunctionType>f</PixelFunctionType><PixelFunctionLanguage>Python</PixelFunctionLanguage>"
        f"<PixelFunctionCode><![CDATA[\ndef f(a, out, *rest):\n    {code}\n]]></PixelFunctionCode>"
    )
    text = (
        (tmp_path / "a.vrt")
        .read_text(encoding="utf-8")
        .replace("<VRTRasterBand ", '<VRTRasterBand subClass="VRTDerivedRasterBand" ')
    )
    text = text.replace("<ColorInterp>", f"{function}<ColorInterp>")
    (tmp_path / "a.vrt").write_text(text, encoding="utf-8")
    done = segment(tmp_path / "a.vrt", tmp_path, GDAL_VRT_ENABLE_PYTHON="YES", GDAL_VRT_TRUSTED_MODULES="*")
    assert done.returncode != 0 and not (tmp_path / "ran").exists()


def test_a_server_that_takes_a_request_and_says_nothing_is_given_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"/vsicurl/http://127.0.0.1:{silent.getsockname()[1]}/a.tif"
        done = segment(address, tmp_path, GDAL_HTTP_LOW_SPEED_TIME="1")
    assert done.returncode == 2 and "Operation too slow" in done.stderr and "Traceback" not in done.stderr


def test_settings_of_the_environment_that_change_what_is_read_are_not_heeded(tmp_path):
    code = (
        "from flair_landcover.engine.gdal_settings import settle_gdal; settle_gdal()\n"
        "import os; print(sorted(name for name in os.environ if name.startswith(('GDAL_', 'GTIFF_', 'CPL_'))))"
    )
    settings = {"GTIFF_IGNORE_READ_ERRORS": "YES", "GDAL_CACHEMAX": "1", "GDAL_HTTP_PROXY": "p", "CPL_TMPDIR": "t"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **settings}
    )
    ours = ["GDAL_SKIP", "GDAL_VRT_ENABLE_PYTHON", "GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE"]
    ours += [f"GDAL_HTTP_{name}" for name in ("CONNECTTIMEOUT", "LOW_SPEED_LIMIT", "LOW_SPEED_TIME")]
    assert done.stdout.strip() == str(sorted([*ours, "GDAL_HTTP_PROXY", "CPL_TMPDIR"]))
