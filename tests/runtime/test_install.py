"""Environments made by the real venv and pip from made-up wheels, and the ways in which that fails."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flair_landcover.runtime import failures, install
from flair_landcover.runtime.environment import environment_python
from flair_landcover.runtime.failures import SetupFailed, failure
from flair_landcover.runtime.install import (
    Installed,
    create_environment,
    install_packages,
    is_outdated,
    remove_environment,
)
from flair_landcover.runtime.interpreters import BasePython, find_base_python
from flair_landcover.runtime.network import Network, Source
from flair_landcover.runtime.processes import run_lines
from flair_landcover.tests.runtime.wheels import (
    ENGINE_PACKAGES,
    AskingProxy,
    serve_index,
    serving,
    write_certificate,
    write_engine_wheels,
    write_wheel,
)

MODULES = [module for _, module, _ in ENGINE_PACKAGES.values()]


@pytest.fixture(autouse=True)
def plain_pip(monkeypatch, tmp_path_factory):
    """pip without the settings of whoever runs the tests, with a cache of its own, and soon tired of asking."""
    for name in list(os.environ):
        if name.upper().startswith("PIP_") or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_TIMEOUT", "10")


@pytest.fixture(scope="session")
def base() -> BasePython:
    try:
        return find_base_python()
    except SetupFailed as error:
        pytest.skip(f"no Python to make environments with: {error}")


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> Path:
    return write_engine_wheels(tmp_path_factory.mktemp("wheels") / "räder")


@pytest.fixture(scope="session")
def made(base, tmp_path_factory) -> Path:
    """A bare environment with pip, which failing installations leave as it is."""
    folder = tmp_path_factory.mktemp("bare") / "env"
    subprocess.run([base.python, "-I", "-m", "venv", str(folder)], check=True, timeout=300)
    return folder


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> tuple[Path, str]:
    """A certificate that nobody signed: the file for a server, and its text."""
    try:
        return write_certificate(tmp_path_factory.mktemp("certificate"))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no openssl to make a certificate with")


def importable(python: str, temporary: Path, is_cancelled) -> None:
    """Stands in for the prediction, which made-up packages cannot make: all of them can be imported."""
    done = run_lines([python, "-I", "-c", f"import {', '.join(MODULES)}"], os.environ, is_cancelled=is_cancelled)
    if done.status != 0:
        raise SetupFailed(failure(failures.BROKEN, output=done.output))


def make(folder: Path, base: BasePython, source: Source, **more) -> Installed:
    return create_environment(folder, source, base=base, **{"verify": importable, "needed_bytes": 0, **more})


def pip_fails(made: Path, work: Path, *arguments: str, **variables: str) -> failures.SetupFailure:
    """The cause for which an installation into the bare environment fails."""
    with pytest.raises(SetupFailed) as caught:
        install_packages(
            str(environment_python(made)), work, list(arguments), variables, lambda share, message: None, lambda: False
        )
    return caught.value.failure


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="session")
def working(base, wheels, tmp_path_factory) -> dict:
    """An environment made once from the folder of wheels, and the progress that was told."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        folder = tmp_path_factory.mktemp("profil é") / "flair_landcover" / "engine"
        told: list[tuple[float, str]] = []
        installed = make(
            folder, base, Source(wheels=wheels), on_progress=lambda share, message: told.append((share, message))
        )
    return {"folder": folder, "installed": installed, "told": told}


def test_an_environment_is_made_from_a_folder_of_wheels_without_the_net(working):
    folder = working["folder"]
    assert working["installed"].python == str(environment_python(folder))
    assert entries(folder.parent) == ["engine"]
    importable(working["installed"].python, folder, None)


def test_the_packages_run_after_the_renaming_by_the_interpreter_alone(working):
    python = working["installed"].python
    done = subprocess.run([python, "-I", "-m", "pip", "list"], capture_output=True, text=True, timeout=60)
    assert "torch" in done.stdout and done.returncode == 0
    where = subprocess.run(
        [python, "-I", "-c", "import torch; print(ascii(torch.__file__))"], capture_output=True, text=True, timeout=60
    )
    assert where.stdout.strip().startswith(ascii(str(working["folder"]))[:-1])


def test_progress_rises_from_0_to_1_and_says_what_is_done(working):
    shares = [share for share, _ in working["told"]]
    assert shares == sorted(shares) and shares[0] == 0.0 and shares[-1] == 1.0
    messages = [message for _, message in working["told"]]
    assert "Looking for rasterio" in messages
    assert any(message.startswith(f"Unpacking {len(ENGINE_PACKAGES)} packages (") for message in messages)


def test_an_environment_is_outdated_once_the_requirements_change(working, tmp_path):
    assert not is_outdated(working["folder"])
    other = tmp_path / "requirements.txt"
    other.write_text(install.REQUIREMENTS.read_text(encoding="utf-8") + "another\n", encoding="utf-8")
    assert is_outdated(working["folder"], other)
    assert is_outdated(tmp_path)


def test_making_it_again_repairs_a_broken_one_and_removing_leaves_nothing(working, base, wheels, tmp_path):
    folder = tmp_path / "engine"
    shutil.copytree(working["folder"], folder, symlinks=True)
    python = str(environment_python(folder))
    shutil.rmtree(next(folder.glob("[Ll]ib*/**/site-packages/torch")))
    with pytest.raises(SetupFailed):
        importable(python, tmp_path, None)
    # A program that was killed left something two days ago, and another window is at work.
    for name, age in ((".engine-killed", 172_800), (".engine-running", 60)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    make(folder, base, Source(wheels=wheels))
    importable(python, tmp_path, None)
    assert entries(tmp_path) == [".engine-running", "engine"]
    remove_environment(folder)
    assert entries(tmp_path) == [".engine-running"]
    remove_environment(folder)


def test_what_does_not_make_a_map_is_not_put_in_place(working, base, wheels, tmp_path):
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "pyvenv.cfg").write_text("the one before")
    with pytest.raises(SetupFailed) as caught:
        create_environment(folder, Source(wheels=wheels), base=base, needed_bytes=0)  # the real trial
    assert caught.value.failure.cause == failures.BROKEN
    assert any("Error" in line for line in caught.value.failure.lines)
    assert entries(tmp_path) == ["engine"] and (folder / "pyvenv.cfg").read_text() == "the one before"


def test_what_does_not_start_in_its_final_place_gives_way_to_the_one_before(base, wheels, tmp_path):
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "pyvenv.cfg").write_text("the one before")

    def break_it(python: str, temporary: Path, is_cancelled) -> None:
        shutil.rmtree(next(Path(python).parent.parent.glob("[Ll]ib*/**/site-packages/pip")))

    with pytest.raises(SetupFailed, match="does not start in its final place"):
        make(folder, base, Source(wheels=wheels), verify=break_it)
    assert entries(tmp_path) == ["engine"] and (folder / "pyvenv.cfg").read_text() == "the one before"


def test_a_cancel_in_the_middle_of_a_download_leaves_nothing_and_the_next_try_goes_on(base, tmp_path, certificate):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    write_wheel(wheels, "torch", "2.6.0")
    write_wheel(wheels, "rasterio", "1.4.3", filling=30_000_000)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("torch\nrasterio\n")
    place = tmp_path / "place"
    told: list[str] = []
    # pip keeps what came through https alone.
    network = Network(certificates=certificate[1])
    settings = {"requirements": requirements, "verify": lambda *arguments: None, "network": network}
    with serve_index(wheels, certificate[0]) as index:
        index.slow = "rasterio"
        with pytest.raises(SetupFailed) as caught:
            make(
                place / "engine",
                base,
                Source(index=index.url),
                on_progress=lambda share, message: told.append(message),
                is_cancelled=lambda: any("Downloading rasterio (" in each and "(0 " not in each for each in told),
                **settings,
            )
        assert caught.value.failure.cause == failures.CANCELLED
        assert entries(place) == []
        assert not running_with(place)
        index.slow = ""
        make(place / "engine", base, Source(index=index.url), **settings)
        assert [name.split("-")[0] for name in index.asked] == ["torch", "rasterio", "rasterio"]
    assert entries(place) == ["engine"]


def running_with(folder: Path) -> list[str]:
    """Command lines of processes that name the folder."""
    if not sys.platform.startswith("linux"):
        return []
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().decode("utf-8", "replace"))
        except OSError:
            continue
    return [line for line in lines if str(folder) in line]


def test_a_cancel_before_the_end_keeps_the_environment_that_was_there(working, base, wheels, tmp_path):
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "pyvenv.cfg").write_text("the one before")
    told: list[float] = []
    with pytest.raises(SetupFailed) as caught:
        make(
            folder,
            base,
            Source(wheels=wheels),
            on_progress=lambda share, message: told.append(share),
            is_cancelled=lambda: bool(told) and told[-1] >= 0.99,
        )
    assert caught.value.failure.cause == failures.CANCELLED
    assert entries(tmp_path) == ["engine"] and (folder / "pyvenv.cfg").read_text() == "the one before"


def test_torch_alone_comes_from_its_own_index(base, wheels, tmp_path):
    special = tmp_path / "special"
    special.mkdir()
    write_wheel(special, "torch", "2.6.0+cu126", "torch", ["filelock"])
    for name in ("torchvision", "filelock"):
        write_wheel(special, name, "3.99")
    with serve_index(special) as torch_index, serve_index(wheels) as index:
        installed = make(tmp_path / "engine", base, Source(torch_index.url, index.url))
    code = "from importlib.metadata import version as v; print(v('torch'), v('torchvision'), v('rasterio'))"
    done = subprocess.run([installed.python, "-I", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["2.6.0+cu126", "3.99", "1.4.3"]
    assert not [name for name in index.asked if name.startswith("torch-")]


def test_a_wheel_that_is_missing_is_named(base, tmp_path):
    wheels = write_engine_wheels(tmp_path / "wheels", without="rasterio")
    with pytest.raises(SetupFailed) as caught:
        make(tmp_path / "place" / "engine", base, Source(wheels=wheels))
    assert caught.value.failure.cause == failures.NO_WHEEL
    assert "rasterio" in caught.value.failure.sentence
    assert entries(tmp_path / "place") == []


def test_versions_that_clash_are_named(made, tmp_path):
    write_wheel(tmp_path, "one", requires=["shared<2"])
    write_wheel(tmp_path, "two", requires=["shared>=2"])
    for version in ("1.0", "2.0"):
        write_wheel(tmp_path, "shared", version)
    found = pip_fails(made, tmp_path, "--no-index", "--find-links", str(tmp_path), "one", "two")
    assert found.cause == failures.CLASH
    assert "one==1.0 and two==1.0" in found.sentence


def test_a_wheel_of_another_platform_is_none(made, tmp_path):
    wheel = write_wheel(tmp_path, "torch", tag="cp39-cp39-other_platform")
    found = pip_fails(made, tmp_path, "--no-index", "--find-links", str(tmp_path), "torch")
    assert found.cause == failures.NO_WHEEL and "torch" in found.sentence
    found = pip_fails(made, tmp_path, "--no-index", str(wheel))
    assert found.cause == failures.NO_WHEEL and wheel.name in found.sentence


def test_a_package_for_newer_pythons_says_so(made, tmp_path):
    write_wheel(tmp_path, "torch", requires_python=">=3.99")
    found = pip_fails(made, tmp_path, "--no-index", "--find-links", str(tmp_path), "torch")
    assert found.cause == failures.PYTHON_TOO_OLD


def test_a_server_that_is_not_there_is_no_network(made, tmp_path):
    with socket.socket() as unused:
        unused.bind(("localhost", 0))
        index = f"http://localhost:{unused.getsockname()[1]}/simple/"
        found = pip_fails(made, tmp_path, "torch", PIP_INDEX_URL=index)
    assert found.cause == failures.NO_NETWORK


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_password_says_so(made, tmp_path, scheme):
    with serving(AskingProxy) as port:
        settings = {"PIP_INDEX_URL": f"{scheme}://packages.invalid/simple/", "PIP_PROXY": f"http://localhost:{port}"}
        found = pip_fails(made, tmp_path, "torch", PIP_TRUSTED_HOST="packages.invalid", **settings)
    assert found.cause == failures.PROXY_PASSWORD


def test_an_index_without_https_is_named_as_such(made, tmp_path):
    found = pip_fails(made, tmp_path, "torch", PIP_INDEX_URL="http://packages.invalid/simple/")
    assert found.cause == failures.CERTIFICATE and "https" in found.next_step


def test_the_password_of_a_proxy_is_not_shown(made, tmp_path):
    with serving(AskingProxy) as port:
        proxy = f"http://marie:geheim@localhost:{port}"  # pragma: allowlist secret
        settings = {"PIP_INDEX_URL": "https://packages.invalid/simple/", "PIP_PROXY": proxy}
        found = pip_fails(made, tmp_path, "torch", **settings)
    assert "geheim" not in repr(found) and "marie" not in repr(found)


def test_a_certificate_that_nobody_signed_is_refused_until_it_is_trusted(made, base, wheels, tmp_path, certificate):
    with serve_index(wheels, certificate[0]) as index:
        found = pip_fails(made, tmp_path, "numpy", PIP_INDEX_URL=index.url)
        assert found.cause == failures.CERTIFICATE
        requirements = tmp_path / "requirements.txt"
        requirements.write_text("numpy\n")
        make(
            tmp_path / "engine",
            base,
            Source(index=index.url),
            network=Network(certificates=certificate[1]),
            requirements=requirements,
            verify=lambda *arguments: None,
        )
    assert environment_python(tmp_path / "engine").exists()


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=30)


def test_a_disk_that_fills_on_the_way_says_so_and_is_left_empty(base, small_disk, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    write_wheel(wheels, "torch", filling=60_000_000)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("torch\n")
    with pytest.raises(SetupFailed) as caught:
        make(small_disk / "engine", base, Source(wheels=wheels), requirements=requirements)
    assert caught.value.failure.cause == failures.DISK_FULL
    assert entries(small_disk) == []


def test_a_disk_with_too_little_room_is_refused_before_anything_is_made(base, wheels, tmp_path):
    with pytest.raises(SetupFailed) as caught:
        make(tmp_path / "engine", base, Source(wheels=wheels), needed_bytes=10**18)
    assert caught.value.failure.cause == failures.DISK_FULL
    assert entries(tmp_path) == []


def test_a_file_in_the_place_of_a_folder_is_named_and_stays(base, wheels, tmp_path):
    (tmp_path / "profile").write_text("mine")
    for folder in (tmp_path / "profile", tmp_path / "profile" / "flair_landcover" / "engine"):
        with pytest.raises(SetupFailed) as caught:
            make(folder, base, Source(wheels=wheels))
        assert caught.value.failure.cause == failures.NO_PERMISSION
        assert str(tmp_path / "profile") in caught.value.failure.sentence
    assert (tmp_path / "profile").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(base, wheels, tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(SetupFailed) as caught:
            make(tmp_path / "engine", base, Source(wheels=wheels))
    finally:
        tmp_path.chmod(0o755)
    assert caught.value.failure.cause == failures.NO_PERMISSION


def test_a_folder_of_the_users_is_neither_replaced_nor_removed(base, wheels, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear diary")
    with pytest.raises(SetupFailed, match="something else"):
        make(tmp_path / "mine", base, Source(wheels=wheels))
    with pytest.raises(SetupFailed, match="something else"):
        remove_environment(tmp_path / "mine")
    assert (tmp_path / "mine" / "diary.txt").read_text() == "dear diary"


def test_a_folder_of_wheels_that_does_not_exist_is_named(base, tmp_path):
    with pytest.raises(SetupFailed, match=r"does not exist\. Choose"):
        make(tmp_path / "engine", base, Source(wheels=tmp_path / "nowhere"))


def test_a_users_settings_of_pip_do_not_lead_elsewhere(working, base, wheels, tmp_path, monkeypatch):
    settings = tmp_path / "pip.conf"
    settings.write_text("[install]\nuser = true\n[global]\nindex-url = http://localhost:9/simple/\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("numpy\n")
    more = {"requirements": requirements, "verify": lambda *arguments: None}
    with serve_index(wheels) as index:
        for number, source in enumerate((Source(wheels=wheels), Source(index=index.url))):
            installed = make(tmp_path / f"engine{number}", base, source, **more)
            done = subprocess.run([installed.python, "-I", "-c", "import numpy"], timeout=60)
            assert done.returncode == 0
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_needed_depends_on_which_torch_comes():
    usual, wheels = Source(), Source(wheels=Path("wheels"))
    assert install.needed_for(usual, "linux") == install.NEEDED_CUDA_BYTES
    for source, platform in ((usual, "win32"), (usual, "darwin"), (wheels, "linux"), (Source("https://x"), "linux")):
        assert install.needed_for(source, platform) == install.NEEDED_BYTES


def test_torch_has_a_line_for_each_platform():
    lines = install._requirements_of("torch", install.REQUIREMENTS)
    assert [line.split(";")[1].strip() for line in lines] == ['sys_platform != "win32"', 'sys_platform == "win32"']
    assert all(line.startswith("torch>=2.4,<") for line in lines)
