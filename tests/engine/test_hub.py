from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from flair_landcover.contract.cards import ModelCard
from flair_landcover.engine import hub_transfer
from flair_landcover.engine.hub import FetchCancelled, cache_path, fetch_model
from flair_landcover.models.library import model_folders
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.checkpoints import load_model
from flair_landcover.models.networks.flairhub import FlairHub
from flair_landcover.models.published import PUBLISHED, PublishedModel, find_published

from ..models.conftest import random_tiles
from ..refusal import refusal
from .hub_server import COMMIT, Hub, make_certificate, running_hub

pytest.importorskip("huggingface_hub")

SIZE = 3_000_000
CONTENT = random.Random(0).randbytes(SIZE)
MODEL = PublishedModel("IGNF/FLAIR-X", "FLAIR-X_weights.pth", revision=COMMIT)

_SETTINGS_OF_THE_NETWORK = (
    *("HF_TOKEN", "HF_HUB_OFFLINE", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
)


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Iterator[Hub]:
    """A hub with `MODEL`, and an empty library whose cache is beside it."""
    with running_hub() as running:
        running.files["IGNF/FLAIR-X/FLAIR-X_weights.pth"] = CONTENT
        for name in _SETTINGS_OF_THE_NETWORK:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(tmp_path / "models"))
        yield running


def _record(path: Path) -> dict:
    return json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _parts(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix == ".part"]


# A fetch that goes well


@pytest.mark.parametrize("store", ["host", "path", ""])
def test_a_model_is_fetched_from_wherever_the_hub_keeps_its_bytes(hub, store):
    hub.store = store
    seen = []
    path = fetch_model(MODEL, on_progress=lambda done, total: seen.append((done, total)))
    assert path == cache_path(MODEL)
    assert path.read_bytes() == CONTENT
    assert seen[0] == (0, SIZE)
    assert seen[-1] == (SIZE, SIZE)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert _names(path.parent) == {path.name, f"{path.name}.json"}
    assert _record(path) == {
        "hub_id": MODEL.hub_id,
        "revision": COMMIT,
        "size": SIZE,
        "sha256": f"sha256:{hashlib.sha256(CONTENT).hexdigest()}",
    }


def test_the_pinned_revision_is_asked_for_and_the_newest_where_none_is_pinned(hub):
    fetch_model(MODEL)
    assert hub.requests[0].path == f"/IGNF/FLAIR-X/resolve/{COMMIT}/FLAIR-X_weights.pth"
    hub.files["IGNF/FLAIR-Y/FLAIR-Y.safetensors"] = b"y"
    fetch_model("IGNF/FLAIR-Y")
    assert hub.requests[-2].path == "/IGNF/FLAIR-Y/resolve/main/FLAIR-Y.safetensors"


def test_a_repository_that_was_renamed_is_followed(hub):
    hub.moved["IGNF/FLAIR-OLD"] = "IGNF/FLAIR-X"
    assert fetch_model(replace(MODEL, hub_id="IGNF/FLAIR-OLD")).read_bytes() == CONTENT


def test_a_fetched_model_needs_no_network(hub, monkeypatch):
    assert not cache_path(MODEL).is_file()
    path = fetch_model(MODEL)
    hub.requests.clear()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert cache_path(MODEL).is_file()
    assert fetch_model(MODEL) == path
    assert not hub.requests


def test_a_token_goes_to_the_hub_and_not_to_its_store(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_made_up")
    fetch_model(MODEL)
    told = {request.path.split("/")[1]: request.token for request in hub.requests}
    assert told == {"IGNF": "Bearer hf_made_up", "store": None}


def test_nothing_is_asked_but_the_file_and_nothing_told_of_what_is_installed(hub):
    fetch_model(MODEL)
    assert [(r.method, r.path.split("/")[1]) for r in hub.requests] == [("HEAD", "IGNF"), ("GET", "store")]
    assert "torch" not in hub.requests[0].agent


def test_the_cache_is_no_model_of_the_library(hub):
    before = model_folders()
    fetch_model(MODEL)
    assert model_folders() == before


def test_two_that_fetch_one_model_at_once_fetch_it_once(hub):
    hub.pause_s = 0.02
    paths = []
    threads = [threading.Thread(target=lambda: paths.append(fetch_model(MODEL))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths == [cache_path(MODEL)] * 2
    assert len(hub.of_bytes()) == 1


# What is fetched is a model


def _small(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Every weight a single number, seen in its full shape: a small file."""
    return {name: torch.full((), 0.01).to(value.dtype).expand(value.shape) for name, value in weights.items()}


@pytest.mark.parametrize("name", ["FLAIR-INC_rgbie_15cl_resnet34-unet", "FLAIR-INC_rgb_12cl_resnet34-unet"])
def test_a_fetched_flair_inc_model_loads_as_what_the_list_says(hub, tmp_path, name):
    published = find_published(name)
    card = _card_of(published)
    stored = {f"model.seg_model.{key}": value for key, value in _small(build_network(card).state_dict()).items()}
    torch.save(stored, tmp_path / "made.pth")
    hub.files[f"{published.hub_id}/{published.file}"] = (tmp_path / "made.pth").read_bytes()
    read, network = load_model(fetch_model(replace(published, revision=COMMIT, digest=None, size=None)))
    assert (read.architecture, read.inputs) == (published.architecture, published.inputs)
    assert sum(value > 0 for value in read.outputs) == published.classes
    with torch.inference_mode():
        assert network(random_tiles(1, channels=len(read.inputs))).shape == (1, 19, 64, 64)


def _card_of(published: PublishedModel) -> ModelCard:
    bands = len(published.inputs)
    return ModelCard(
        "made-up",
        "Made up",
        published.architecture,
        published.inputs,
        means=(0.0,) * bands,
        stds=(1.0,) * bands,
        outputs=(1,) * 19,
    )


@pytest.mark.parametrize("kind", ["LC-A_IR", "LC-D"])
def test_a_fetched_flair_hub_model_loads_as_what_the_list_says(hub, tmp_path, kind):
    published = next(model for model in _published_hub() if kind in model.name)
    encoder, decoder = published.architecture.partition(":")[2].split("-")
    with torch.device("meta"):
        shapes = FlairHub(encoder, decoder, satellite=published.satellite).state_dict()
    # safetensors cannot store one number as many: the same weights in torch's own format
    published = replace(published, file=f"{published.name}.ckpt")
    stored = {f"model.{key}": torch.zeros((), dtype=value.dtype).expand(value.shape) for key, value in shapes.items()}
    torch.save({"state_dict": stored}, tmp_path / "made.ckpt")
    hub.files[f"{published.hub_id}/{published.file}"] = (tmp_path / "made.ckpt").read_bytes()
    card, _ = load_model(fetch_model(published))
    assert (card.architecture, card.inputs) == (published.architecture, published.inputs)
    assert (card.satellite is not None) == published.satellite
    assert card.licence == published.licence


def _published_hub() -> list[PublishedModel]:
    """The models of FLAIR-HUB, the smaller ones, which are built faster, first."""
    return sorted((m for m in PUBLISHED if m.architecture.startswith("flairhub:")), key=lambda m: "tiny" not in m.name)


def test_a_fetched_file_that_holds_code_is_refused_by_the_loader(hub, tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    torch.save({"state_dict": Harm()}, tmp_path / "made.pth")
    hub.files["IGNF/FLAIR-X/FLAIR-X_weights.pth"] = (tmp_path / "made.pth").read_bytes()
    assert "not a checkpoint of plain weights" in refusal(load_model, fetch_model(MODEL))
    assert not (tmp_path / "harm").exists()


# Broken off and gone on


def test_a_connection_that_breaks_is_gone_on_with_where_it_broke(hub):
    hub.breaks = [1_500_000]
    assert fetch_model(MODEL).read_bytes() == CONTENT
    first, second = hub.of_bytes()
    assert first.range is None
    assert 1_000_000 < int(re.fullmatch(r"bytes=(\d+)-", second.range)[1]) <= 1_500_000


def test_a_store_that_gives_no_part_of_a_file_gives_all_of_it_again(hub):
    hub.breaks, hub.ranges = [1_500_000], False
    assert fetch_model(MODEL).read_bytes() == CONTENT
    assert len(hub.of_bytes()) >= 2


def _cancelled_halfway(hub: Hub) -> Path:
    """Fetches at most a half of `MODEL`; returns the partial file."""
    hub.pause_s = 0.05
    so_far = [0]
    with pytest.raises(FetchCancelled):
        fetch_model(MODEL, lambda done, total: so_far.append(done), lambda: so_far[-1] > SIZE / 4)
    hub.pause_s = 0.0
    (part,) = cache_path(MODEL).parent.iterdir()
    assert part.suffix == ".part"
    assert SIZE / 4 <= part.stat().st_size < SIZE
    return part


def test_a_cancelled_fetch_leaves_the_partial_file_alone_and_the_next_goes_on_from_it(hub):
    had = _cancelled_halfway(hub).stat().st_size
    hub.requests.clear()
    seen = []
    path = fetch_model(MODEL, lambda done, total: seen.append(done))
    assert path.read_bytes() == CONTENT
    assert seen[0] == had
    assert [request.range for request in hub.of_bytes()] == [f"bytes={had}-"]
    assert not _parts(path.parent)


def test_a_partial_file_of_another_version_is_not_gone_on_with(hub):
    _cancelled_halfway(hub)
    hub.requests.clear()
    other = hub.files["IGNF/FLAIR-X/FLAIR-X_weights.pth"] = CONTENT[::-1]
    path = fetch_model(MODEL)
    assert path.read_bytes() == other
    assert [request.range for request in hub.of_bytes()] == [None]
    assert not _parts(path.parent)


def test_a_partial_file_that_is_whole_already_is_taken_as_it_is(hub):
    part = _cancelled_halfway(hub)
    part.write_bytes(CONTENT)
    hub.requests.clear()
    assert fetch_model(MODEL).read_bytes() == CONTENT
    assert not hub.of_bytes()


def test_a_partial_file_that_is_too_long_is_thrown_away(hub):
    part = _cancelled_halfway(hub)
    part.write_bytes(CONTENT + b"more")
    hub.requests.clear()
    assert fetch_model(MODEL).read_bytes() == CONTENT
    assert [request.range for request in hub.of_bytes()] == [None]


def test_a_fetch_is_cancelled_at_once_where_the_hub_says_nothing(hub):
    hub.silent = True
    start = time.monotonic()
    with pytest.raises(FetchCancelled):
        fetch_model(MODEL, is_cancelled=lambda: time.monotonic() - start > 2 and bool(hub.requests))
    assert time.monotonic() - start < 8


# Sums


def test_a_fetched_file_that_was_changed_is_refused(hub):
    path = fetch_model(MODEL)
    path.write_bytes(CONTENT[:-1] + b"!")
    hub.requests.clear()
    sentence = refusal(fetch_model, MODEL)
    assert "has changed since it was first used" in sentence
    assert str(path) in sentence
    assert not hub.requests


def test_a_file_that_arrives_other_than_the_hub_states_is_not_kept(hub):
    hub.stated_sha256 = "0" * 64
    assert "did not arrive as it was published" in refusal(fetch_model, MODEL)
    assert not list(cache_path(MODEL).parent.iterdir())


def test_a_file_that_is_not_the_pinned_one_is_not_kept(hub):
    pinned = replace(MODEL, digest="sha256:" + "0" * 64)
    assert "did not arrive as it was published" in refusal(fetch_model, pinned)
    assert not list(cache_path(MODEL).parent.iterdir())


def test_a_damaged_record_is_told(hub):
    path = fetch_model(MODEL)
    path.with_name(f"{path.name}.json").write_text("{")
    assert "is damaged" in refusal(fetch_model, MODEL)


# Without the hub


def _by_hand(content: bytes = CONTENT) -> Path:
    path = cache_path(MODEL)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_a_file_that_was_put_there_by_hand_is_used_and_remembered(hub):
    path = _by_hand()
    assert fetch_model(MODEL) == path
    assert not hub.requests
    assert _record(path)["sha256"] == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    path.write_bytes(b"another")
    assert "has changed since it was first used" in refusal(fetch_model, MODEL)


def test_a_file_that_was_put_there_by_hand_and_is_not_the_pinned_one_is_refused(hub):
    _by_hand(b"another")
    pinned = replace(MODEL, digest=f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")
    assert "is not the file that was published as IGNF/FLAIR-X" in refusal(fetch_model, pinned)


def _closed_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def _says_where_to_put_it(sentence: str) -> None:
    path = cache_path(MODEL)
    assert sentence.endswith(f"or download {path.name} by hand into {path.parent}.")


def test_without_a_network_the_sentence_says_where_to_put_the_file(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{_closed_port()}")
    sentence = refusal(fetch_model, MODEL)
    assert sentence.startswith("The model hub cannot be reached (")
    _says_where_to_put_it(sentence)


def test_offline_by_setting_is_told_as_such(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    sentence = refusal(fetch_model, MODEL)
    assert "HF_HUB_OFFLINE" in sentence
    _says_where_to_put_it(sentence)
    assert not hub.requests


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        ((404, "EntryNotFound"), "The model hub has no FLAIR-X_weights.pth of IGNF/FLAIR-X at revision 0123"),
        ((404, "RevisionNotFound"), "at revision 0123"),
        ((404, "RepoNotFound"), "The model hub has no"),
        ((401, "GatedRepo"), "set the environment variable HF_TOKEN"),
        ((403, "GatedRepo"), "set the environment variable HF_TOKEN"),
        ((401, ""), "set the environment variable HF_TOKEN"),
        ((403, ""), "set the environment variable HF_TOKEN"),
        ((503, ""), "The model hub refused or failed (HTTP 503)"),
        ((429, ""), "The model hub refused or failed (HTTP 429)"),
    ],
)
def test_what_the_hub_refuses_is_told_with_the_next_step(hub, failure, told):
    hub.failure = failure
    sentence = refusal(fetch_model, MODEL)
    assert told in sentence
    _says_where_to_put_it(sentence)
    assert not list(cache_path(MODEL).parent.iterdir())


def test_a_networks_sign_in_page_is_told_from_a_hub(hub):
    hub.signed_in = False
    assert "What answered is no model hub" in refusal(fetch_model, MODEL)


def test_a_hub_that_does_not_answer_in_time_is_told(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
    hub.silent = True
    assert "did not answer in time" in refusal(fetch_model, MODEL)


def test_a_disk_without_room_is_told_before_anything_is_fetched(hub):
    hub.stated_size = 10**16
    sentence = refusal(fetch_model, MODEL)
    assert re.search(r"too full for FLAIR-X_weights\.pth: free [\d,]+ MB more", sentence)
    assert not hub.of_bytes()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_disk_that_fills_up_on_the_way_is_told(hub):
    part = _cancelled_halfway(hub)
    part.unlink()
    part.symlink_to("/dev/full")
    assert "is too full for FLAIR-X_weights.pth" in refusal(fetch_model, MODEL)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="an administrator may write everywhere")
def test_a_library_that_cannot_be_written_is_told(hub, tmp_path):
    (tmp_path / "models").mkdir(mode=0o500)
    assert "cannot be written" in refusal(fetch_model, MODEL)


def test_a_library_that_is_a_file_is_told(hub, tmp_path):
    (tmp_path / "models").write_text("")
    assert "cannot be written" in refusal(fetch_model, MODEL)


@pytest.mark.parametrize("name", ["utt", "../../etc/passwd", "IGNF/../x", "a/b/c", "IGNF/FLAIR X", ""])
def test_a_text_that_names_no_model_is_refused(hub, name):
    assert "There is no published model named" in refusal(fetch_model, name)
    assert not hub.requests


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_a_certificate_that_nobody_vouches_for_is_told_and_can_be_named(hub, monkeypatch, tmp_path):
    certificate, key = make_certificate(tmp_path)
    with running_hub((certificate, key)) as secure:
        secure.files.update(hub.files)
        monkeypatch.setenv("HF_ENDPOINT", secure.endpoint)
        sentence = refusal(fetch_model, MODEL)
        assert sentence.startswith("The certificate of the model hub cannot be verified (")
        assert "SSL_CERT_FILE" in sentence
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert fetch_model(MODEL).read_bytes() == CONTENT


def test_failures_of_the_disk_are_told_apart():
    assert hub_transfer._kind(OSError(errno.ENOSPC, "No space left on device"))[0] == "disk_full"
    assert hub_transfer._kind(PermissionError(errno.EACCES, "Permission denied"))[0] == "unwritable"
    assert hub_transfer._kind(ValueError("?"))[0] == "other"


# A process that fetches `MODEL` as the engine does, says which process transfers it, and waits for the hub.
_HOST = """
import multiprocessing
from flair_landcover.engine.hub import fetch_model

def told():
    print(multiprocessing.active_children()[0].pid, flush=True)

fetch_model("IGNF/FLAIR-X", is_cancelled=told)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes through /proc")
def test_the_transfer_ends_with_whoever_started_it(hub):
    hub.silent = True
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    host = subprocess.Popen([sys.executable, "-c", _HOST], env=environment, stdout=subprocess.PIPE)
    transfer = Path("/proc", str(int(host.stdout.readline())), "stat")
    deadline = time.monotonic() + 20
    while not hub.requests and time.monotonic() < deadline:
        time.sleep(0.05)
    assert hub.requests
    assert not _ended(transfer)
    host.kill()
    host.wait()
    host.stdout.close()
    while not _ended(transfer) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _ended(transfer)


def _ended(stat: Path) -> bool:
    """Whether a process has ended, also one that nobody has asked for its status. stat: its file of that name."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True
