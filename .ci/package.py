"""The plugin's zip, of git's files: `python .ci/package.py [FILE]`, or `make package`.

HELD is the one list of what it holds. The same files give the same zip to the byte.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "flair_landcover"  # the plugin's folder, which the zip holds alone
LIMIT = 25_000_000  # bytes that plugins.qgis.org takes

QGIS_ROOMS = ("layers", "processing", "ui")  # for QGIS's Python alone
ENGINE_ROOMS = ("contract", "engine", "evaluation", "finetune", "inference", "models", "runtime")  # pip installs these
FILES = ("__init__.py", "__main__.py", "plugin.py", "metadata.txt", "pyproject.toml", "LICENSE", "README.md")
HELD = (*FILES, *QGIS_ROOMS, *ENGINE_ROOMS)


def held_files() -> list[str]:
    """The files of the zip below its folder: those of git that HELD names or that lie in a folder of it, in order."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", *HELD], cwd=ROOT, capture_output=True, check=True)
    return sorted(name for name in listed.stdout.decode("utf-8").split("\0") if name)


def write_zip(path: Path) -> int:
    """Writes the zip as it is in the working tree; its size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in held_files():
            # The oldest time that a zip can state, and one mode: neither depends on the checkout.
            entry = zipfile.ZipInfo(f"{NAME}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            packed.writestr(entry, (ROOT / name).read_bytes())
    return path.stat().st_size


def main() -> int:
    """Writes the zip and prints where it is; status 1 where the plugin site would not take it."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / f"{NAME}.zip"
    size = write_zip(path)
    print(f"{path}: {size:,} bytes, {len(held_files())} files")
    if size > LIMIT:
        print(f"The zip is larger than the {LIMIT:,} bytes that plugins.qgis.org takes.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
