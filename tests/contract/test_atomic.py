"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import os
import stat

import pytest

from flair_landcover.contract.atomic import atomic_file, atomic_folder, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_has_its_name_only_at_the_end(tmp_path):
    path = tmp_path / "map.tif"
    path.write_text("old")
    with atomic_file(path) as part:
        part.write_text("new")
        assert part.suffix == ".tif"
        assert part.stat().st_dev == path.stat().st_dev
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["map.tif"]


def test_a_file_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "map.tif"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_file(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert names(tmp_path) == ["map.tif"]


def test_a_file_that_nobody_wrote_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "map.tif"):
        pass
    assert names(tmp_path) == []


def test_several_files_take_their_names_once_all_are_written(tmp_path):
    with pytest.raises(OSError), atomic_file(tmp_path / "one") as one, atomic_file(tmp_path / "two") as two:
        one.write_text("1")
        two.write_text("2")
        raise OSError
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_what_is_written_has_the_rights_of_new_files(tmp_path):
    before = os.umask(0o022)
    try:
        with atomic_file(tmp_path / "file") as part:
            part.write_text("")
        with atomic_folder(tmp_path / "folder"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o755


def test_a_folder_has_its_name_only_at_the_end(tmp_path):
    path = tmp_path / "model"
    with atomic_folder(path) as part:
        (part / "card.json").write_text("{}")
        assert not path.exists()
    assert names(path) == ["card.json"]
    assert names(tmp_path) == ["model"]


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ValueError), atomic_folder(tmp_path / "model") as part:
        (part / "card.json").write_text("{}")
        raise ValueError
    assert names(tmp_path) == []


def test_a_folder_replaces_another_only_where_it_may(tmp_path):
    path = tmp_path / "model"
    with atomic_folder(path) as part:
        (part / "old").touch()
    with pytest.raises(OSError), atomic_folder(path) as part:
        (part / "new").touch()
    assert names(path) == ["old"]
    with atomic_folder(path, replace=True) as part:
        (part / "new").touch()
    assert names(path) == ["new"]
    assert names(tmp_path) == ["model"]


def test_a_folder_that_cannot_take_its_name_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "model"
    with atomic_folder(path) as part:
        (part / "old").touch()
    rename = os.rename

    def refuse_new(one, other):
        if other == path and one.name == "model":
            raise PermissionError
        rename(one, other)

    monkeypatch.setattr(os, "rename", refuse_new)
    with pytest.raises(PermissionError), atomic_folder(path, replace=True) as part:
        (part / "new").touch()
    assert names(path) == ["old"]
    assert names(tmp_path) == ["model"]


@pytest.mark.skipif(os.name == "nt", reason="rights of POSIX")
def test_a_shared_library_stays_readable_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        write_json(tmp_path / "card.json", {"id": "été"})
        with atomic_folder(tmp_path / "model") as part:
            (part / "card.json").touch()
    finally:
        os.umask(before)
    assert (tmp_path / "card.json").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "model").stat().st_mode & 0o777 == 0o755
