"""Zips and folders of models, good ones and such as nobody should let in."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import zipfile
from pathlib import Path

import pytest

from flair_landcover.contract.cards import CARD_NAME, WEIGHTS_NAME, ModelCard, digest_of, read_card, write_card
from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.models import package
from flair_landcover.models.package import MOST_BYTES, export_model, is_package, read_package, unpack

from ..refusal import refusal

WEIGHTS = bytes(range(7)) * 4000  # deflates well, as quantised weights do
CARD = {
    "id": "vignes",
    "title": "Vignes",
    "architecture": "utt",
    "weights_digest": f"sha256:{hashlib.sha256(WEIGHTS).hexdigest()}",
}


@pytest.fixture
def model(tmp_path) -> Path:
    """A model folder with a report."""
    folder = tmp_path / "library" / "vignes"
    folder.mkdir(parents=True)
    (folder / WEIGHTS_NAME).write_bytes(WEIGHTS)
    (folder / CARD_NAME).write_text(json.dumps({**CARD, "of a later version": 1}), encoding="utf-8")
    (folder / "report.html").write_text("<html>", encoding="utf-8")
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _classes(setting: str, value: object) -> list[dict]:
    """The 13 classes as a card holds them, the first one with another value for a setting."""
    classes = [{"value": c.value, "name": c.name, "colour": c.colour} for c in FLAIR_CLASSES]
    return [{**classes[0], setting: value}, *classes[1:]]


def _zip(path: Path, members: dict, card: dict | None = None, **settings) -> Path:
    """A zip of a good model with more members: names or ZipInfos, and their bytes."""
    with zipfile.ZipFile(path, "w", **settings) as archive:
        archive.writestr(CARD_NAME, json.dumps(CARD if card is None else card))
        archive.writestr(WEIGHTS_NAME, WEIGHTS)
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _refused(path: Path, tmp_path: Path) -> str:
    """The sentence by which both a look and an unpacking refuse a file, and leave nothing anywhere."""
    before = sorted(tmp_path.rglob("*"))
    sentence = refusal(read_package, path)
    assert refusal(unpack, path, tmp_path / "inner" / "new") == sentence
    assert [p for p in sorted(tmp_path.rglob("*")) if p not in before and p != tmp_path / "inner"] == []
    assert str(path) in sentence
    return sentence


def test_a_model_comes_out_of_its_zip_as_it_went_in(model, tmp_path):
    size = export_model(model, tmp_path / "vignes.zip")
    assert size == (tmp_path / "vignes.zip").stat().st_size
    card = unpack(tmp_path / "vignes.zip", tmp_path / "new")
    assert card == read_card(model) and _files(tmp_path / "new") == _files(model)


def test_a_look_tells_card_and_size_and_writes_nothing(model, tmp_path):
    export_model(model, tmp_path / "vignes.zip")
    before = sorted(tmp_path.rglob("*"))
    total = sum(map(len, _files(model).values()))
    assert read_package(tmp_path / "vignes.zip") == (read_card(model), total)
    assert read_package(model) == (read_card(model), total)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_same_files_give_the_same_zip(model, tmp_path):
    export_model(model, tmp_path / "one.zip")
    for path in model.rglob("*"):
        os.utime(path, (1, 1))
    (model / "report.html").chmod(0o600)
    export_model(model, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_what_deflates_is_deflated_and_what_does_not_is_stored(model, tmp_path):
    (model / "report.html").write_bytes(os.urandom(2000))
    export_model(model, tmp_path / "vignes.zip")
    with zipfile.ZipFile(tmp_path / "vignes.zip") as archive:
        kinds = {info.filename: info.compress_type for info in archive.infolist()}
        assert archive.namelist() == sorted(kinds)
    assert kinds["report.html"] == zipfile.ZIP_STORED
    assert kinds[CARD_NAME] == zipfile.ZIP_DEFLATED


def test_weights_of_zeros_are_exported_so_that_they_can_be_imported(model, tmp_path):
    (model / WEIGHTS_NAME).write_bytes(bytes(3 << 20))
    card = {**CARD, "weights_digest": digest_of(model / WEIGHTS_NAME)}
    (model / CARD_NAME).write_text(json.dumps(card), encoding="utf-8")
    export_model(model, tmp_path / "zeros.zip")
    unpack(tmp_path / "zeros.zip", tmp_path / "new")


def test_quantised_weights_deflate_and_survive(tmp_path):
    """Those that come with the plugin."""
    bundled = Path(package.__file__).parent / "bundled"
    export_model(bundled, tmp_path / "bundled.zip")
    assert (tmp_path / "bundled.zip").stat().st_size < 0.9 * (bundled / WEIGHTS_NAME).stat().st_size
    assert read_package(tmp_path / "bundled.zip")[0] == read_card(bundled)


def test_a_card_without_a_digest_gets_it_in_the_zip(model, tmp_path):
    write_card(ModelCard(id="old", title="Été", architecture="utt"), model)
    export_model(model, tmp_path / "old.zip")
    card, _ = read_package(tmp_path / "old.zip")
    assert (card.title, card.weights_digest) == ("Été", CARD["weights_digest"])
    assert read_card(model).weights_digest == ""


def test_what_is_no_part_of_a_model_stays_out_on_both_ways(model, tmp_path):
    (model / ".DS_Store").touch()
    (model / "Thumbs.db").touch()
    (model / "notes.txt").touch()
    (model / "pictures").mkdir()
    (model / "pictures" / "légende.png").touch()
    export_model(model, tmp_path / "vignes.zip")
    with zipfile.ZipFile(tmp_path / "vignes.zip", "a") as archive:
        archive.writestr("__MACOSX/._card.json", "x")
        archive.writestr(".DS_Store", "x")
    unpack(tmp_path / "vignes.zip", tmp_path / "new")
    assert sorted(_files(tmp_path / "new")) == sorted(MOST_BYTES)


def test_an_export_replaces_an_older_zip_and_leaves_nothing_beside(model, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "vignes.zip").write_text("old", encoding="utf-8")
    export_model(model, folder / "vignes.zip")
    assert [p.name for p in folder.iterdir()] == ["vignes.zip"]
    assert is_package(folder / "vignes.zip")


@pytest.mark.parametrize("broken", ["space", "folder", "is a folder"])
def test_an_export_that_cannot_be_written_is_one_sentence_and_keeps_the_old_zip(model, tmp_path, monkeypatch, broken):
    folder = tmp_path / "out"
    folder.mkdir()
    target = folder / "vignes.zip"
    target.write_text("old", encoding="utf-8")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    if broken == "space":
        monkeypatch.setattr(package.shutil, "copyfileobj", full)
        assert "No space left on device" in refusal(export_model, model, target)
    elif broken == "folder":
        assert "No such file or directory" in refusal(export_model, model, tmp_path / "nowhere" / "vignes.zip")
    else:
        assert "is a folder" in refusal(export_model, model, folder)
    assert [p.name for p in folder.iterdir()] == ["vignes.zip"] and target.read_text(encoding="utf-8") == "old"


def test_only_sound_model_folders_are_exported(model, tmp_path):
    assert "not a model folder" in refusal(export_model, tmp_path, tmp_path / "a.zip")
    assert "import the checkpoint first" in refusal(export_model, tmp_path / "a.ckpt", tmp_path / "a.zip")
    (model / WEIGHTS_NAME).write_bytes(b"other")
    assert "not those that its card names" in refusal(export_model, model, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_a_zip_may_hold_the_folder_in_one_top_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("mon modèle/", "")
        archive.writestr("mon modèle/card.json", json.dumps(CARD))
        archive.writestr("mon modèle/weights.safetensors", WEIGHTS)
        archive.writestr("mon modèle/pictures/a.png", "x")
        archive.writestr("__MACOSX/mon modèle/._card.json", "x")
    assert unpack(tmp_path / "a.zip", tmp_path / "new").id == "vignes"
    assert sorted(_files(tmp_path / "new")) == [CARD_NAME, WEIGHTS_NAME]


@pytest.mark.parametrize(
    "name",
    [
        *("../escaped.txt", "a/../../escaped.txt", "/escaped.txt", "//host/share/escaped.txt", ".."),
        *("..\\escaped.txt", "\\\\host\\escaped.txt", "C:escaped.txt", "c:/escaped.txt", "a/.."),
        *("a//b", "./a", "ab:stream", "nul", "com1.txt", "a.txt.", "a ", "bell\a", "what?", "a/b/c"),
        *("Card.JSON", "WEIGHTS.safetensors", f"../{WEIGHTS_NAME}", f"./{CARD_NAME}", f"{CARD_NAME}/x"),
    ],
)
def test_of_other_names_than_a_models_nothing_is_taken(tmp_path, name):
    path = _zip(tmp_path / "a.zip", {name: "x"})
    before = sorted(tmp_path.rglob("*"))
    assert read_package(path)[1] == len(json.dumps(CARD)) + len(WEIGHTS)
    unpack(path, tmp_path / "new")
    assert _files(tmp_path / "new") == {CARD_NAME: json.dumps(CARD).encode(), WEIGHTS_NAME: WEIGHTS}
    new = [tmp_path / "new", *(tmp_path / "new" / name for name in (CARD_NAME, WEIGHTS_NAME))]
    assert sorted(tmp_path.rglob("*")) == sorted([*before, *new])


@pytest.mark.parametrize("name", ["report.htmlXrest", "weights.safetensorsXrest"])
def test_a_name_that_goes_on_behind_a_zero_byte_is_no_models(tmp_path, name):
    path = _zip(tmp_path / "a.zip", {name: "x"})
    path.write_bytes(path.read_bytes().replace(name.encode(), name.replace("X", "\0").encode()))
    unpack(path, tmp_path / "new")
    assert _files(tmp_path / "new") == {CARD_NAME: json.dumps(CARD).encode(), WEIGHTS_NAME: WEIGHTS}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_device_in_a_zip_becomes_a_plain_file(tmp_path, kind):
    link = zipfile.ZipInfo("report.html")
    link.create_system = 3
    link.external_attr = (kind | 0o777) << 16
    unpack(_zip(tmp_path / "a.zip", {link: "/etc/passwd"}), tmp_path / "new")
    report = tmp_path / "new" / "report.html"
    assert stat.S_ISREG(report.lstat().st_mode) and report.read_text(encoding="utf-8") == "/etc/passwd"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", [CARD_NAME, WEIGHTS_NAME])
def test_a_file_that_is_there_twice_is_refused(tmp_path, name):
    assert "twice" in _refused(_zip(tmp_path / "a.zip", {name: "{}"}), tmp_path)


@pytest.mark.parametrize("name", sorted(MOST_BYTES))
def test_a_file_larger_than_any_of_its_kind_is_not_read(tmp_path, model, monkeypatch, name):
    export_model(model, tmp_path / "a.zip")
    monkeypatch.setitem(package.MOST_BYTES, name, 5)
    assert f"{name} in" in _refused(model, tmp_path) and "larger than" in _refused(tmp_path / "a.zip", tmp_path)


def test_a_size_that_is_lied_about_does_not_swell(tmp_path):
    """The directory says 10 bytes where the member deflates to a million: no more than 10 are ever taken."""
    path = _zip(tmp_path / "a.zip", {"report.html": os.urandom(1000) * 1000}, compression=zipfile.ZIP_DEFLATED)
    size = (1_000_000).to_bytes(4, "little")
    content = path.read_bytes()
    assert content.count(size) == 2  # beside the member, and in the directory
    path.write_bytes(content.replace(size, (10).to_bytes(4, "little")))
    read_package(path)  # the card and the weights are good
    assert "damaged" in refusal(unpack, path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_encrypted_zip_is_refused(tmp_path):
    path = _zip(tmp_path / "a.zip", {})
    content = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flags of a member, here and in the directory
        at = content.find(magic)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(magic, at + 4)
    path.write_bytes(content)
    assert "encrypted" in _refused(path, tmp_path)


def test_a_compression_that_is_not_read_is_refused(tmp_path):
    path = _zip(tmp_path / "a.zip", {})
    content = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):  # the kind of compression, here and there
        at = content.find(magic)
        while at >= 0:
            content[at + offset] = 97  # WavPack
            at = content.find(magic, at + 4)
    path.write_bytes(content)
    assert "compression" in _refused(path, tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06 cut off"])
def test_what_is_no_zip_is_refused(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    assert "is not a zip" in _refused(tmp_path / "a.zip", tmp_path)


def test_a_zip_that_was_cut_off_is_refused(tmp_path, model):
    export_model(model, tmp_path / "a.zip")
    (tmp_path / "a.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:-40])
    assert "cut off" in _refused(tmp_path / "a.zip", tmp_path)


def test_damaged_weights_are_refused(tmp_path):
    path = _zip(tmp_path / "a.zip", {})
    path.write_bytes(path.read_bytes().replace(WEIGHTS[:100], WEIGHTS[:99] + b"!", 1))
    assert "damaged" in _refused(path, tmp_path)


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ({**CARD, "weights_digest": "sha256:" + "0" * 64}, "not those that its card names"),
        ({**CARD, "weights_digest": ""}, "names no digest"),
        ({**CARD, "weights_digest": ["sha256"]}, "a sound weights_digest"),
        ({"id": "x", "weights_digest": CARD["weights_digest"]}, "incomplete"),
        ({**CARD, "inputs": ["red", "ultraviolet"]}, "does not have"),
        ({**CARD, "licence": None}, "a sound licence"),
        ({**CARD, "scores": 5}, "a sound scores"),
        ({**CARD, "means": [0, 0, 0, 0, "a"]}, "a sound means"),
        ({**CARD, "scale": float("inf")}, "a scale from"),
        ({**CARD, "classes": _classes("colour", None)}, "a colour for each class"),
        ({**CARD, "classes": _classes("colour", "#zzzzzz")}, "a colour for each class"),
        ({**CARD, "classes": _classes("name", 3)}, "a colour for each class"),
        ({**CARD, "tile_size": True}, "a sound tile_size"),
        ({**CARD, "tile_size": 0}, "a tile_size from"),
        ([], "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_a_card_that_does_not_hold_is_refused(tmp_path, model, card, sentence):
    assert sentence in _refused(_zip(tmp_path / "a.zip", {}, card), tmp_path)
    (model / CARD_NAME).write_text(json.dumps(card), encoding="utf-8")
    assert sentence in _refused(model, tmp_path)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_card_that_is_no_json_is_refused(tmp_path, model, content):
    (model / CARD_NAME).write_bytes(content)
    assert "cannot be read" in _refused(model, tmp_path)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([WEIGHTS_NAME], "no card.json"),
        ([CARD_NAME], "no weights.safetensors"),
        (["a/card.json", "b/weights.safetensors"], "no weights.safetensors"),
        (["a/card.json", "b/card.json", WEIGHTS_NAME], "no card.json"),
        (["utt/last.ckpt", "readme.md"], "import the checkpoint utt/last.ckpt in it"),
    ],
)
def test_a_zip_without_a_whole_model_is_refused(tmp_path, names, sentence):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in names:
            archive.writestr(name, json.dumps(CARD))
    assert sentence in _refused(tmp_path / "a.zip", tmp_path)


def test_a_folder_is_taken_as_a_zip_is(model, tmp_path):
    assert unpack(model, tmp_path / "new").id == "vignes"
    assert _files(tmp_path / "new") == _files(model)


def test_what_is_no_model_folder_is_refused(tmp_path):
    assert "not a model folder" in refusal(read_package, tmp_path)
    assert "cannot be read" in refusal(read_package, tmp_path / "nothing.zip")


@pytest.mark.skipif(os.name == "nt", reason="makes symbolic links")
def test_a_link_in_a_folder_is_refused(model, tmp_path):
    (model / "report.html").unlink()
    (model / "report.html").symlink_to("/etc/passwd")
    assert "report.html as a link" in _refused(model, tmp_path)
    assert "report.html as a link" in refusal(export_model, model, tmp_path / "a.zip")


def test_an_unpacking_onto_a_full_disk_is_one_sentence_and_leaves_nothing(model, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(package, "_copy", full)
    assert "No space left on device" in refusal(unpack, model, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("name", "taken"), [("a.zip", True), ("a.model", True), ("a.pth", False), ("a.ckpt", False)])
def test_checkpoints_that_are_zips_are_no_packages(tmp_path, name, taken):
    assert is_package(_zip(tmp_path / name, {})) is taken
