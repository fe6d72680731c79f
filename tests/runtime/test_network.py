"""Proxy, certificates and source from QGIS's settings."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from flair_landcover.runtime.network import Network, proxy_address


@pytest.mark.parametrize(
    ("setting", "address"),
    [
        (("HttpProxy", "proxy.lan", "8080"), "http://proxy.lan:8080"),
        (("HttpCachingProxy", " proxy.lan ", ""), "http://proxy.lan"),
        (("HttpProxy", "proxy.lan", "8080", "ma:rie", "p@ss/ü"), "http://ma%3Arie:p%40ss%2F%C3%BC" + "@proxy.lan:8080"),
        (("HttpProxy", "proxy.lan", "0", "marie"), "http://marie@proxy.lan"),
        (("DefaultProxy", "proxy.lan", "8080"), ""),
        (("HttpProxy", "", "8080"), ""),
    ],
)
def test_a_proxy_is_written_as_pip_takes_it(setting, address):
    kind, host, port, *login = setting
    assert proxy_address(kind, host, port, *login, *[""] * (2 - len(login))) == (address, "")


def test_a_proxy_that_pip_cannot_use_is_named():
    address, note = proxy_address("Socks5Proxy", "proxy.lan", "1080", "", "")
    assert address == "" and "Socks5Proxy" in note and note.endswith(".")


def test_a_password_does_not_stand_in_the_settings_text():
    assert "secret" not in repr(Network("http://me:secret@proxy.lan"))  # pragma: allowlist secret


def test_qgis_settings_are_read(tmp_path):
    pytest.importorskip("qgis.core", reason="needs QGIS's Python")
    code = f"""
import sys
from qgis.PyQt.QtCore import QCoreApplication, QSettings
from qgis.core import QgsApplication, QgsSettings
from flair_landcover.runtime import environment, network
application = QgsApplication([], False, {str(tmp_path)!r})
application.initQgis()
QSettings.setDefaultFormat(QSettings.Format.IniFormat)
QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, {str(tmp_path)!r})
QCoreApplication.setOrganizationName("tests")
QCoreApplication.setApplicationName("tests")
assert network.source_from_qgis() == network.Source()
assert network.network_from_qgis().proxy == ""
settings = QgsSettings()
for key, value in (("proxyEnabled", True), ("proxyType", "HttpProxy"), ("proxyHost", "proxy.lan"),
                   ("proxyPort", "3128"), ("proxyUser", "marie"), ("proxyPassword", "p@ss")):
    settings.setValue("proxy/" + key, value)
settings.setValue("flair_landcover/torch_index", "https://e.org/whl ")
settings.setValue("flair_landcover/wheels", "/data/wheels")
found = network.network_from_qgis()
assert found.proxy == "http://marie:p%40ss@proxy.lan:3128"  # pragma: allowlist secret
assert found.certificates == "" or "BEGIN CERTIFICATE" in found.certificates
source = network.source_from_qgis()
assert (source.torch_index, source.index, str(source.wheels)) == ("https://e.org/whl", "", "/data/wheels")
settings.setValue("proxy/proxyEnabled", False)
assert network.network_from_qgis().proxy == ""

# "Use this interpreter": kept where it can run the engine, else nothing changes.
python = {os.environ.get("FLAIR_LANDCOVER_PYTHON", "")!r}
if python:
    assert environment.use_interpreter(python).python == python
    assert environment._python_setting() == python
    try:
        environment.use_interpreter("/nowhere/python")
        raise AssertionError("it was taken")
    except environment.EngineNotFound as error:
        assert "/nowhere/python" in str(error)
    assert environment._python_setting() == python
    environment.use_interpreter("")
    assert environment._python_setting() == ""
print("done")
"""
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONUTF8": "1",
        "QT_QPA_PLATFORM": "offscreen",
    }
    run = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=120)
    assert run.stdout.rstrip().endswith("done"), run.stdout + run.stderr
