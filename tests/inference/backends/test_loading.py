"""Libraries are loaded by one thread at a time."""

from __future__ import annotations

import threading

from flair_landcover.inference.backends.loading import loading


def test_a_library_is_loaded_by_one_thread_before_any_other_goes_on():
    events = []
    begin = threading.Barrier(8)

    def load(number: int) -> None:
        begin.wait()
        with loading("a library"):
            events.append((number, "begins"))
            threading.Event().wait(0.01)
            events.append((number, "ends"))

    threads = [threading.Thread(target=load, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = events[0][0]
    assert events[:2] == [(first, "begins"), (first, "ends")]
    assert len(events) == 16


def test_whoever_needs_another_library_or_one_that_is_there_does_not_wait():
    with loading("there"):
        pass
    held, release, passed = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        with loading("slow"):
            held.set()
            release.wait()

    def go_on() -> None:
        with loading("there"), loading("another"):
            passed.set()

    threads = [threading.Thread(target=hold)]
    threads[0].start()
    held.wait()
    threads.append(threading.Thread(target=go_on))
    threads[1].start()
    assert passed.wait(60)
    release.set()
    for thread in threads:
        thread.join()


def test_a_library_that_could_not_be_loaded_is_tried_again():
    tries = []
    for _ in range(2):
        try:
            with loading("broken"):
                tries.append(1)
                raise ImportError
        except ImportError:
            pass
    assert len(tries) == 2
