"""Libraries that take long to load are imported when they are needed, by one thread at a time.

Two threads that import one library from two of its ends at once can get it half loaded.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

_choosing = threading.Lock()
_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_loaded: set[str] = set()


@contextmanager
def loading(library: str) -> Iterator[None]:
    """Holds other threads off while `library` is imported inside; costs nothing once it is there.

    library: any name for what is imported together. Each has a lock of its own, so that whoever needs
    rasterio alone does not wait for torch.
    """
    if library in _loaded:
        yield
        return
    with _choosing:
        lock = _locks[library]
    with lock:
        yield
    _loaded.add(library)
