"""Details can be shown to others: they name no user."""

from __future__ import annotations

import json
from pathlib import PureWindowsPath
from urllib.parse import quote

import pytest

from flair_landcover.runtime import blanking
from flair_landcover.runtime.blanking import blank_user


@pytest.fixture(autouse=True)
def josefine(monkeypatch):
    """The user is josefine, whose home is not where homes usually are."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "josefine")
    monkeypatch.setenv("HOME", "/data/people/josefine")


@pytest.fixture
def windows(monkeypatch):
    monkeypatch.setattr(blanking.Path, "home", lambda: PureWindowsPath(r"C:\Users\José Müller"))


def test_the_home_folder_becomes_a_tilde():
    assert blank_user("Open /data/people/josefine/ortho.tif.") == "Open ~/ortho.tif."
    assert blank_user("HOME=/data/people/josefine") == "HOME=~"
    assert blank_user("it is /data/people/josefine.") == "it is ~."
    assert blank_user("/vsizip//data/people/josefine/a.zip/b.tif") == "/vsizip/~/a.zip/b.tif"
    assert blank_user("file:///data/people/josefine/a.tif") == "file:~/a.tif"
    assert blank_user("url=file%3A%2F%2F%2Fdata%2Fpeople%2Fjosefine%2Fa.tif") == "url=file%3A~%2Fa.tif"


def test_a_folder_that_only_begins_or_ends_like_the_home_folder_is_another():
    assert blank_user("/data/people/josefine2/a.tif") == "/data/people/josefine2/a.tif"
    assert blank_user("/srv/data/people/josef/a.tif") == "/srv/data/people/josef/a.tif"


@pytest.mark.parametrize(
    "path",
    [
        r"C:\Users\José Müller\Bilder\a.tif",
        "c:/users/José Müller/Bilder/a.tif",
        json.dumps(r"C:\Users\José Müller\Bilder\a.tif"),
        json.dumps(r"C:\Users\José Müller\Bilder\a.tif", ensure_ascii=False),
        repr(r"C:\Users\José Müller\Bilder\a.tif"),
        "file:///" + quote("C:/Users/José Müller/Bilder/a.tif"),
        quote("C:/Users/José Müller/Bilder/a.tif", safe=""),
    ],
)
def test_a_home_folder_of_windows_is_found_in_every_spelling(windows, path):
    blanked = blank_user(f"Open {path} again")
    assert "~" in blanked and blanked.startswith("Open ") and blanked.endswith(" again")
    assert "a.tif" in blanked
    assert "jos" not in blanked.lower() and "ller" not in blanked


@pytest.mark.parametrize(
    ("text", "blanked"),
    [
        ("/home/marie/ortho.tif", "/home/<user>/ortho.tif"),
        ("No such file: '/home/marie'", "No such file: '/home/<user>'"),
        ("(/home/marie)", "(/home/<user>)"),
        ("/Users/marie.curie/x", "/Users/<user>/x"),
        ("/var/home/o'neill/x", "/var/home/<user>/x"),
        ("/home/marie and /data", "/home/<user> and /data"),
        ("/run/media/marie/DISK/x", "/run/media/<user>/DISK/x"),
        (r"C:\Users\Marie Curie\x.tif", r"C:\Users\<user>\x.tif"),
        (r"C:\Users\MARIEC~1\AppData\Local\Temp", r"C:\Users\<user>\AppData\Local\Temp"),
        (r"'D:\\Users\\Marie Curie\\x.tif'", r"'D:\\Users\\<user>\\x.tif'"),
        (r"in C:\Users\marie now", r"in C:\Users\<user> now"),
        ("C:/Users/Marie Curie/x.tif", "C:/Users/<user>/x.tif"),
        (r"C:\Documents and Settings\marie\x", r"C:\Documents and Settings\<user>\x"),
        (r"\\server\Users\marie\x", r"\\server\Users\<user>\x"),
        ("file%3A%2F%2F%2Fhome%2Fmarie%2Fx.tif", "file%3A%2F%2F%2Fhome%2F<user>%2Fx.tif"),
        ("file:///C:/Users/Marie%20Curie/x.tif", "file:///C:/Users/<user>/x.tif"),
        (r'"C:\\Users\\Andr\u00e9\\x.tif"', r'"C:\\Users\\<user>\\x.tif"'),
        (r"\/home\/marie\/x", r"\/home\/<user>\/x"),
    ],
)
def test_the_folders_of_others_name_nobody(text, blanked):
    assert blank_user(text) == blanked


@pytest.mark.parametrize(
    ("text", "blanked"),
    [
        ("https://marie:pa$$word@example.org/wms", "https://<blanked>@example.org/wms"),
        ("https://marie:p@ss@example.org/wms", "https://<blanked>@example.org/wms"),
        ("ftp%3A%2F%2Fmarie%3Asecret%40example.org%2Fx", "ftp%3A%2F%2F<blanked>@example.org%2Fx"),
        ("https://example.org/x?token=abc123&layer=2", "https://example.org/x?token=<blanked>&layer=2"),
        ("https://example.org/x?layer=2&key=abc", "https://example.org/x?layer=2&key=<blanked>"),
        ("https://e.org/x?X-Amz-Signature=ab12&x=1", "https://e.org/x?X-Amz-Signature=<blanked>&x=1"),
        ("https%3A%2F%2Fe.org%2F%3Fapikey%3Dabc%26x%3D1", "https%3A%2F%2Fe.org%2F%3Fapikey%3D<blanked>%26x%3D1"),
        ("dbname='gis' password='it is' x=1", "dbname='gis' password=<blanked> x=1"),  # pragma: allowlist secret
        ("dbname='gis' user='marie' x=1", "dbname='gis' user=<blanked> x=1"),
        ('{"access_token": "abc \\" def", "x": 1}', '{"access_token": "<blanked>", "x": 1}'),
        ("{'password': 'abc'}", "{'password': '<blanked>'}"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer <blanked>"),
        ("write to marie.curie@example.org please", "write to <blanked> please"),
    ],
)
def test_credentials_are_taken_out(text, blanked):
    assert blank_user(text) == blanked


def test_the_users_name_is_blanked_as_a_word():
    assert blank_user("/tmp/pytest-of-josefine/x, Josefine_ortho.tif") == "/tmp/pytest-of-<user>/x, <user>_ortho.tif"
    assert blank_user("josefines and xjosefine") == "josefines and xjosefine"


@pytest.mark.parametrize("name", ["root", "user", "admin", "jo"])
def test_a_name_that_is_short_or_a_common_word_stays(monkeypatch, name):
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, name)
    monkeypatch.setenv("HOME", f"/{name}")
    assert blank_user(f"the {name} of all") == f"the {name} of all"
    assert blank_user(f"/{name}/a.tif") == "~/a.tif"


def test_what_names_nobody_stays_as_it_is():
    text = (
        "QGIS 3.22.16, Tile 12 of 40, 50 % done\n"
        '{"input": "D:\\\\data\\\\ortho.tif", "bands": "R=1 G=2 B=3", "extent": [1.5, 2.0, 3.0, 4.0]}\n'
        'File "/usr/lib/python3/dist-packages/rasterio/io.py", line 3, in <module>\n'
        "https://data.geopf.fr/wms?LAYERS=HR.ORTHO&CRS=EPSG:2154\n"
    )
    assert blank_user(text) == text


def test_blanking_twice_changes_nothing():
    text = (
        "/data/people/josefine/a /home/marie/b C:\\Users\\Marie Curie\\c https://m:p@e.org/?token=abc&sig=d "
        'password=\'x\' {"secret": "y"} Authorization: Basic abcdefgh josefine m@e.org'
    )
    once = blank_user(text)
    assert "marie" not in once.lower() and "josefine" not in once and "abc" not in once
    assert blank_user(once) == once


def test_a_home_folder_that_is_unknown_does_not_stop_the_rest(monkeypatch):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(blanking.Path, "home", unknown)
    assert blank_user("/home/marie/a josefine") == "/home/<user>/a <user>"


def test_a_long_log_is_blanked_in_one_go():
    log = "".join(f"{i} /home/marie/tiles/{i}.tif token=abc{i} {'x' * 500}\n" for i in range(2000))
    blanked = blank_user(log + "A" * 500_000)
    assert "marie" not in blanked and "abc" not in blanked
