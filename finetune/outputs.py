"""Where a new model and its report go, and how they get there: whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError

from ..contract.atomic import atomic_file
from ..contract.cards import WEIGHTS_NAME
from ..contract.errors import BadInput, Cancelled, about
from ..contract.finetuning import FinetuneJob, FinetuneResult
from ..inference.raster.working_folder import WorkingFolder, is_being_written
from ..inference.ready import planned_copy
from ..inference.resolve import Inputs
from ..models.library import model_id, user_folder
from .card import title_of
from .report_html import report_page

REPORT_NAME = "report.html"
_SPARE_BYTES = 50_000_000  # free disk to leave beside the model


@dataclass(frozen=True)
class Outputs:
    """Where the model folder and the report are to be, and the model's id, which in the library is its folder."""

    folder: Path
    report: Path
    id: str


@contextmanager
def reserved_outputs(job: FinetuneJob, inputs: Inputs) -> Iterator[tuple[Outputs, WorkingFolder]]:
    """Where everything goes, and a folder beside it for what is half written; until the end no other run goes there.

    Raises BadInput where that cannot be, or where the disk has too little room.
    """
    while True:
        outputs = find_outputs(job, inputs)
        with _working_folder(outputs) as working:
            if working.is_alone():
                yield outputs, working
                return
        if job.output:
            raise BadInput(f"Another training makes {outputs.folder} at the moment: choose another folder.", "output")
        # another training was a moment quicker: the next id, which it has not got


def find_outputs(job: FinetuneJob, inputs: Inputs) -> Outputs:
    """Where everything would go. Raises BadInput where that cannot be, or where the disk has too little room."""
    with about("output"):
        library = user_folder().expanduser().absolute()
        id = model_id(title_of(job, inputs.card), lambda name: is_being_written(library, name))
        folder = Path(job.output).expanduser().absolute() if job.output else library / id
        if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
            raise BadInput(f"{folder} exists already: choose another folder for the new model.")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(folder.parent).free
        except OSError as error:
            raise BadInput(
                f"The model folder {folder} cannot be made ({error.strerror or error}): choose another place."
            ) from None
        weights = inputs.model / WEIGHTS_NAME if inputs.model.is_dir() else inputs.model
        needed = 4 * weights.stat().st_size + _SPARE_BYTES  # of weights of 8 bits float32 is four times as large
        copy = planned_copy(inputs)
        if copy is not None:
            needed += copy.size
        if free < needed:
            raise BadInput(
                f"The disk of {folder.parent} has {free / 1e6:.0f} MB free and the new model may need "
                f"{needed / 1e6:.0f} MB: free some space or choose another folder."
            )
    with about("report"):
        if not job.report:
            return Outputs(folder, folder / REPORT_NAME, id)
        page = Path(job.report).expanduser().absolute()
        if not page.parent.is_dir():
            raise BadInput(f"The folder {page.parent} of the report does not exist: create it or choose another.")
        if page.is_dir():
            raise BadInput(f"The report {page} is a folder: give the name of a file.")
    return Outputs(folder, page, id)


def _working_folder(outputs: Outputs) -> WorkingFolder:
    try:
        return WorkingFolder(outputs.folder.parent, outputs.folder.name)
    except OSError as error:
        raise _unwritable(outputs.folder, error) from None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what goes wrong in writing into one sentence for the user."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: Exception) -> BadInput:
    reason = getattr(error, "strerror", None) or str(error)
    return BadInput(
        f"{path} cannot be written ({reason}): free some disk space or choose another folder, then train again.",
        "output",
    )


def put_in_place(result: FinetuneResult, folder: Path, outputs: Outputs, cancelled: Callable[[], bool]) -> None:
    """Writes the report and gives it and the model's folder, written as `folder`, their final names.

    Raises BadInput where that cannot be written, Cancelled where the user has stopped it before.
    """
    inside = outputs.report.parent == outputs.folder
    written = nullcontext(folder / outputs.report.name) if inside else atomic_file(outputs.report)
    with writing(outputs.report), written as page:
        page.write_text(report_page(result), encoding="utf-8")
        if cancelled():
            raise Cancelled
        with writing(outputs.folder):
            if outputs.folder.is_dir():  # empty, as checked; Windows renames over no folder
                outputs.folder.rmdir()
            os.rename(folder, outputs.folder)
