"""Programs that run for a while, and their end."""

from __future__ import annotations

import os
import sys
import time

import pytest

from flair_landcover.runtime.errors import CancelledError
from flair_landcover.runtime.processes import run_lines

# A child that starts a grandchild, which holds the pipe open; both print their ids.
_FAMILY = """
import os, subprocess, sys, time
print(os.getpid(), flush=True)
subprocess.Popen([sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"])
time.sleep({seconds})
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-c", code]


def gone(pid: int) -> bool:
    """Whether a process is gone, or ended and only waits to be counted; the system may take a moment."""
    for _ in range(100):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_lines_come_as_they_are_printed_and_the_output_is_kept():
    lines: list[str] = []
    code = "import sys; print('ein Gruß\\na', end='', flush=True); print('b', file=sys.stderr); sys.exit(3)"
    done = run_lines([sys.executable, "-X", "utf8", "-c", code], os.environ, lines.append)
    assert done.status == 3
    assert lines == ["ein Gruß", "ab"] and done.output == "ein Gruß\nab"


def test_standard_input_is_empty_so_that_no_question_waits_for_ever():
    assert run_lines(python("input('user name: ')"), os.environ).status == 1


def test_a_program_that_does_not_exist_is_an_error():
    with pytest.raises(OSError):
        run_lines(["/nowhere/python"], os.environ)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes through /proc")
def test_a_cancel_ends_the_program_and_what_it_started():
    lines: list[str] = []
    with pytest.raises(CancelledError):
        run_lines(python(_FAMILY.format(seconds=600)), os.environ, lines.append, lambda: len(lines) == 2)
    assert all(gone(int(line)) for line in lines)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes through /proc")
def test_time_that_is_over_ends_the_program_and_what_it_started():
    lines: list[str] = []
    done = run_lines(python(_FAMILY.format(seconds=600)), os.environ, lines.append, timeout_s=3.0)
    assert done.status is None
    assert len(lines) == 2 and all(gone(int(line)) for line in lines)


def test_a_program_that_ended_is_not_waited_for_because_of_one_that_it_left():
    if os.name != "posix":
        pytest.skip("the groups of processes are those of Unix")
    start = time.monotonic()
    done = run_lines(python(_FAMILY.format(seconds=1)), os.environ, timeout_s=60.0)
    assert done.status == 0 and time.monotonic() - start < 30


def test_an_error_of_the_caller_ends_the_program():
    pids: list[int] = []

    def take(line: str) -> None:
        pids.append(int(line))
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_lines(python("import os, time; print(os.getpid(), flush=True); time.sleep(600)"), os.environ, take)
    assert not sys.platform.startswith("linux") or gone(pids[0])
