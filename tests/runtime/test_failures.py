"""Every output of pip and venv leads to one of a short list of causes, each with a next step."""

from __future__ import annotations

import errno

import pytest

from flair_landcover.runtime import failures
from flair_landcover.runtime.failures import CAUSES, SetupFailed, explain, explain_os_error, failure

RETRY = "WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by "
NOTHING = (
    "ERROR: Could not find a version that satisfies the requirement torch<3,>=2.4 (from versions: none)\n"
    "ERROR: No matching distribution found for torch<3,>=2.4"
)


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        (f"{RETRY}'NewConnectionError('[Errno -3] Temporary failure in name resolution')'\n{NOTHING}", "no_network"),
        (f"{RETRY}'NewConnectionError('[Errno 11001] getaddrinfo failed')': /simple/torch/\n{NOTHING}", "no_network"),
        (f"{RETRY}'ReadTimeoutError(\"Read timed out. (read timeout=15)\")'\n{NOTHING}", "no_network"),
        ("pip._vendor.urllib3.exceptions.ProtocolError: ('Connection broken: IncompleteRead(1 read)')", "no_network"),
        (f"{RETRY}'ProxyError('Cannot connect to proxy.', NewConnectionError(''))'\n{NOTHING}", "no_network"),
        (
            f"{RETRY}'ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy "
            f"Authentication Required'))'\n{NOTHING}",
            "proxy_password",
        ),
        (
            "Could not fetch URL https://e.org/simple/torch/: There was a problem confirming the ssl certificate: "
            "HTTPSConnectionPool(host='e.org', port=443): Max retries exceeded (Caused by SSLError("
            "SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed "
            f"certificate in certificate chain (_ssl.c:1129)'))) - skipping\n{NOTHING}",
            "certificate",
        ),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk_full"),
        ("ERROR: Could not install packages due to an OSError: [WinError 112] Espace insuffisant", "disk_full"),
        ("OSError: [Errno 122] Disk quota exceeded: '/home/x/libtorch_cpu.so'", "disk_full"),
        ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'", "no_permission"),
        ("Error: [Errno 30] Read-only file system: '/opt/engine'", "no_permission"),
        ("ERROR: [WinError 32] Der Prozess kann nicht auf die Datei zugreifen: 'C:\\\\x\\\\torch.dll'", "file_held"),
        ("ERROR: [WinError 225] Die Datei enthält einen Virus: 'C:\\\\x\\\\torch.dll'", "file_held"),
        (
            "ERROR: Ignored the following versions that require a different python version: 2.9.0 Requires-Python "
            f">=3.10\n{NOTHING}",
            "python_too_old",
        ),
        ("ERROR: Package 'x' requires a different Python: 3.9.5 not in '>=3.10'", "python_too_old"),
        (NOTHING, "no_wheel"),
        ("ERROR: Could not find a version that satisfies the requirement x==9 (from versions: 1, 2)", "no_wheel"),
        ("ERROR: torch-2.4-cp39-win_amd64.whl is not a supported wheel on this platform.", "no_wheel"),
        (
            "ERROR: Cannot install a==1 and b==1 because these package versions have conflicting dependencies.\n"
            "ERROR: ResolutionImpossible",
            "clash",
        ),
        (
            "The virtual environment was not created successfully because ensurepip is not\navailable.  On "
            "Debian/Ubuntu systems, you need to install the python3-venv\npackage.\n\n    apt install python3.12-venv",
            "no_ensurepip",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [WinError 206] The filename or extension is too long",
            "path_too_long",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 2] No such file or directory: 'C:\\\\Users'\n"
            "HINT: This error might have occurred since this system does not have Windows Long Path support enabled.",
            "path_too_long",
        ),
        ("Something else\nhappened", "unknown"),
    ],
)
def test_an_output_has_one_cause(output, cause):
    found = explain(output, 1)
    assert found.cause == cause
    assert found.lines


def test_a_connection_that_broke_and_came_back_is_not_the_cause():
    output = f"{RETRY}'ReadTimeoutError(\"Read timed out.\")'\nERROR: a==1: conflicting dependencies"
    assert explain(output, 1).cause == failures.CLASH
    output = f"{RETRY}'ReadTimeoutError(\"Read timed out.\")'\nERROR: No matching distribution (from versions: 1.0)"
    assert explain(output, 1).cause == failures.NO_WHEEL


def test_the_command_that_debian_names_is_the_next_step():
    found = explain("ensurepip is not\navailable ... apt install python3.12-venv", 1)
    assert "`sudo apt install python3.12-venv`" in found.next_step


def test_what_is_unknown_shows_the_last_lines_without_names(monkeypatch):
    monkeypatch.setenv("HOME", "/data/people/josefine")
    output = (
        "\n".join(f"line {i}" for i in range(100))
        + "\nhttps://me:secret@e.org /data/people/josefine/x /home/marie/y"  # pragma: allowlist secret
    )
    found = explain(output, 2)
    assert found.cause == failures.UNKNOWN and "status 2" in found.sentence
    assert len(found.lines) == 20 and found.lines[-2] == "line 99"
    assert "secret" not in found.lines[-1] and "josefine" not in found.lines[-1] and "marie" not in found.lines[-1]


def test_a_program_that_was_killed_says_so():
    assert "signal 9" in explain("Collecting torch", -9).sentence


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_a_sentence_and_a_next_step(cause):
    found = failure(cause)
    for text in (found.sentence, found.next_step):
        assert text.endswith(".") and text[0].isupper() and "\n" not in text
    error = SetupFailed(found)
    assert str(error) == f"{found.sentence} {found.next_step}" and error.failure is found


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENOSPC, failures.DISK_FULL),
        (errno.EACCES, failures.NO_PERMISSION),
        (errno.EROFS, failures.NO_PERMISSION),
        (errno.ENOTDIR, failures.NO_PERMISSION),
        (errno.EIO, failures.UNKNOWN),
    ],
)
def test_an_error_of_the_file_system_has_a_cause_and_names_the_folder(number, cause):
    found = explain_os_error(OSError(number, "said so"), "/data/engine")
    assert found.cause == cause and "/data/engine" in found.sentence
