"""The command line: ``python -m flair_landcover``."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    from .engine.gdal_settings import settle_gdal

    settle_gdal()
    from .engine.cli import run

    return run(sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
