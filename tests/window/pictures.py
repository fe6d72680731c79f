"""Takes the pictures of `docs/`: what the scripts beside this one show, in the light, the dark and a large window.

Run as `make pictures`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from flair_landcover.tests.qgis_side import engine_python, window_report
from flair_landcover.tests.runtime.wheels import pack_environment

SCRIPTS = ("story", "partner", "series", "fetch", "correct", "finetune", "engine")
KINDS = {
    "light": {},
    "dark": {"theme": "Night Mapping"},
    "200": {"scale": "2", "screen": "3000x2100"},
}


def main(folder: str, *kinds: str) -> None:
    """folder: for the pictures. kinds: of `KINDS`; all without."""
    target = Path(folder).absolute()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as base:
        wheels = pack_environment(engine_python(), Path(base) / "wheels")
        for kind in kinds or KINDS:
            for script in SCRIPTS:
                bare = {"engine": "none", "wheels": str(wheels)} if script == "engine" else {}
                report = window_report(Path(base), script, pictures=str(target), kind=kind, **bare, **KINDS[kind])
                if report["errors"]:
                    raise SystemExit(report["errors"][0])
            print(f"{kind}: {', '.join(sorted(path.name for path in target.glob(f'*-{kind}.jpg')))}")


if __name__ == "__main__":
    main(*sys.argv[1:])
