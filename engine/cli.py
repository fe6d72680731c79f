"""The engine's command line.

Exit status: 0 done, 2 bad input (one line on standard error), 130 cancelled (Ctrl+C, or a signal to end), 1 anything
else.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Iterable
from dataclasses import fields
from typing import NoReturn

from ..contract.cards import BadModel
from ..contract.choices import (
    AUGMENTATIONS,
    CLASSES,
    DEVICES,
    HOLDOUT,
    KEEP_BASE,
    MAX_HOLDOUT,
    ONE_LOOK,
    PRECISIONS,
    TRAINABLE,
)
from ..contract.errors import BadInput, Cancelled, CannotWrite
from ..contract.image import ImageSettings
from ..contract.segmentation import SegmentationJob
from ..contract.version import plugin_version
from ..models.library import default_model
from .bar import progress_bar
from .cli_models import add_models
from .failures import logged
from .signals import endings, handled

_EXPONENT = re.compile(r"-(?:(?:\d+\.?\d*|\.\d+)e[+-]?\d{1,6}|inf|nan)", re.IGNORECASE)
DONE, FAILED, BAD_INPUT, CANCELLED = 0, 1, 2, 130


def run(arguments: list[str]) -> int:
    """Runs one command; returns the exit status."""
    parser = _parser()
    try:
        options = parser.parse_args([_plain_number(argument) for argument in arguments])
    except SystemExit as leaving:  # argparse has printed its one line
        return int(leaving.code or 0)
    try:
        with handled(endings(), signal.default_int_handler):
            return options.run(options) or DONE
    except (BadInput, BadModel) as error:
        print(f"flair_landcover: {error}", file=sys.stderr)
        return BAD_INPUT
    except CannotWrite as error:
        print(f"flair_landcover: {error}", file=sys.stderr)
        return FAILED
    except (Cancelled, KeyboardInterrupt) as error:
        print(f"flair_landcover: {str(error) or 'cancelled; nothing was written.'}", file=sys.stderr)
        return CANCELLED
    except BrokenPipeError:  # whoever read has enough, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains at its end
        return FAILED
    except Exception as error:
        print(f"flair_landcover: {logged(error)}", file=sys.stderr)
        return FAILED


def _plain_number(argument: str) -> str:
    """A number as argparse knows it: it takes -1e5 for an option, and -inf; whether it can be is for the job."""
    if not _EXPONENT.fullmatch(argument):
        return argument
    return f"{max(float(argument), -sys.float_info.max):f}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"flair_landcover: {message} (see --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="flair_landcover", description="Land-cover maps of aerial images.")
    parser.add_argument("--version", action="version", version=plugin_version())
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)

    segment = commands.add_parser("segment", help="map the land cover of an aerial raster")
    segment.add_argument(
        "input",
        metavar="INPUT",
        nargs="+",
        help="aerial image with red, green and blue: a raster, several tiles, a folder of tiles or a tile index",
    )
    segment.add_argument("output", metavar="OUTPUT", help="GeoTIFF to write: class values, 0 = nodata")
    _add_image(segment)
    segment.add_argument(
        "--extent", nargs=4, type=float, metavar=("XMIN", "YMIN", "XMAX", "YMAX"), help="in the raster's CRS"
    )
    segment.add_argument("--tta", default=ONE_LOOK, help=f"test-time augmentation: {_one_of(AUGMENTATIONS)}")
    segment.add_argument(
        "--classes",
        default=CLASSES[0],
        help="flair13 (the 13 of FLAIR, and new ones that a fine-tuned model was taught) or model (the model's own)",
    )
    segment.add_argument("--confidence", metavar="FILE", help="GeoTIFF of the class's probability in percent")
    segment.add_argument("--probabilities", metavar="FILE", help="GeoTIFF of all class probabilities x 255")
    segment.add_argument(
        "--difference",
        metavar="FILE",
        help="GeoTIFF of the labels without Sentinel-2 where they differ; takes about twice as long",
    )
    segment.add_argument("--strict", action="store_true", help="refuse to run where anything that is given is in doubt")
    segment.add_argument(
        "--per-tile",
        action="store_true",
        help="write a map for each tile of INPUT, all of which fit together: OUTPUT is a folder, and so are the others",
    )
    segment.set_defaults(run=_segment)

    _add_finetune(commands)

    add_models(commands)

    worker = commands.add_parser("worker", help="serve QGIS on standard input and output")
    worker.set_defaults(run=_worker)
    return parser


def _add_image(command: argparse.ArgumentParser) -> None:
    """What says how an image is read, and with which model and on which device it is looked at."""
    command.add_argument(
        "--crs",
        default="",
        metavar="CRS",
        help="of the image, such as EPSG:2154, where its file has none",
    )
    command.add_argument("--bands", default="", metavar="TEXT", help="such as 'R=1 G=2 B=3 NIR=4 ELEVATION=5'")
    command.add_argument(
        "--infrared", metavar="PATH", help="colour infrared image of the same place, to take the near infrared from"
    )
    command.add_argument("--elevation", metavar="PATH", help="raster of heights above ground in metres")
    command.add_argument(
        "--terrain", metavar="PATH", help="terrain model to subtract from --elevation, which is a surface model then"
    )
    command.add_argument(
        "--sentinel2",
        nargs="+",
        metavar="PATH",
        help="Sentinel-2 series: a raster, folder, Level-2A product or data cube, or several rasters of one date each",
    )
    command.add_argument(
        "--leave-out", nargs="+", default=[], metavar="DATE", help="dates of the series not to use, such as 2021-04-15"
    )
    command.add_argument(
        "--model", metavar="ID_OR_FILE", help="model id, folder or checkpoint; default: see `models default`"
    )
    command.add_argument("--device", default=DEVICES[0], help=_one_of(DEVICES))
    command.add_argument("--precision", default=PRECISIONS[0], help=_one_of(PRECISIONS))


def _one_of(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}"


def _image(options: argparse.Namespace) -> ImageSettings:
    """What `_add_image` and the argument INPUT ask for."""
    options.model = options.model or default_model()
    return ImageSettings(**{f.name: getattr(options, f.name) for f in fields(ImageSettings)})


def _add_finetune(commands) -> None:
    finetune = commands.add_parser("finetune", help="make a model that is better where polygons say what is there")
    finetune.add_argument(
        "input",
        metavar="INPUT",
        help="aerial image that the polygons were drawn over: a raster, a folder of tiles or a tile index",
    )
    finetune.add_argument("polygons", metavar="POLYGONS", help="vector file of polygons, each with a class")
    finetune.add_argument("output", metavar="OUTPUT", nargs="?", help="model folder to write; default: in the library")
    finetune.add_argument("--name", default="", metavar="TEXT", help="title of the new model")
    finetune.add_argument("--layer", default="", metavar="NAME", help="layer of the vector file; default: the first")
    finetune.add_argument("--class-field", default="class", metavar="NAME", help="field that holds the classes")
    finetune.add_argument(
        "--class-map",
        default="",
        metavar="TEXT",
        help="such as 'vigne=vineyard; 7=3; pv=solar panels; unsure=': a class by name or number, a new one, or none",
    )
    _add_image(finetune)
    finetune.add_argument("--epochs", type=int, default=0, metavar="N", help="0: as many as usual")
    finetune.add_argument("--trainable", default=TRAINABLE[0], help="what is trained: last (layers), decoder or all")
    finetune.add_argument(
        "--holdout", type=float, default=HOLDOUT, metavar="SHARE", help=f"of the polygons, 0 to {MAX_HOLDOUT}"
    )
    finetune.add_argument(
        "--keep-base",
        type=float,
        default=KEEP_BASE,
        metavar="WEIGHT",
        help="how firmly to hold to the base model elsewhere",
    )
    finetune.add_argument(
        "--everywhere", action="store_true", help="use what is learnt on images that look otherwise, too"
    )
    finetune.add_argument("--one-class", action="store_true", help="go on although all polygons are of one class")
    finetune.add_argument("--seed", type=int, default=0, metavar="N", help="another one draws other samples")
    finetune.add_argument("--report", metavar="FILE", help="HTML report to write; default: in the model folder")
    finetune.set_defaults(run=_finetune)


def _finetune(options: argparse.Namespace) -> int:
    from ..contract.class_plan import parse_class_map
    from ..contract.finetuning import HOLDOUT_POLYGONS, FinetuneJob

    job = FinetuneJob(
        _image(options),
        polygons=options.polygons,
        output=options.output,
        name=options.name,
        layer=options.layer,
        class_field=options.class_field,
        class_map=parse_class_map(options.class_map),
        epochs=options.epochs,
        trainable=options.trainable,
        holdout=options.holdout,
        keep_base=options.keep_base,
        everywhere=options.everywhere,
        one_class=options.one_class,
        seed=options.seed,
        report=options.report,
    )
    from ..finetune.finetune import finetune

    with progress_bar() as report:
        result = finetune(job, report)
    print(
        f"{result.folder}: {result.card.title}, made of {result.trained_polygons} polygons "
        f"in {result.seconds:.1f} s on {result.device}; {result.epochs} epochs, the best was {result.best_epoch}"
    )
    if result.after.where == HOLDOUT_POLYGONS:
        where = f"on the {result.holdout_polygons} polygons held out"
    else:
        where = "on the training polygons themselves (none are held out)"
    print(f"Before and after, {where}, IoU of each class:")
    before, after = result.before, result.after
    for kind in result.classes:
        print(f"{kind.value:3} {kind.name:24} {_both(before.iou.get(kind.name), after.iou.get(kind.name))}")
    print(f"{'':3} {'mean IoU':24} {_both(before.mean_iou, after.mean_iou)}")
    print(f"{'':3} {'accuracy':24} {_both(before.accuracy, after.accuracy)}")
    print(f"The label changes on {result.changed:.1%} of the sampled extent.")
    print(f"Outside the polygons {result.agreement:.1%} of the pixels keep the base model's label.")
    print(f"Report: {result.report}")
    return DONE


def _both(*scores: float | None) -> str:
    """A score before and after the training as text."""
    return " -> ".join("    -" if score is None else f"{score:5.3f}" for score in scores)


def _segment(options: argparse.Namespace) -> int:
    job = SegmentationJob(
        _image(options),
        output=options.output,
        extent=tuple(options.extent) if options.extent else None,
        tta=options.tta,
        classes=options.classes,
        confidence=options.confidence,
        probabilities=options.probabilities,
        difference=options.difference,
        strict=options.strict,
    )
    if options.per_tile:
        from ..inference.per_tile import tile_jobs

        jobs = tile_jobs(job, lambda told: None)  # each map tells it
        for number, tile in enumerate(jobs, start=1):
            print(f"Tile {number} of {len(jobs)}")
            try:
                stopped = _map(tile)
            except (Cancelled, KeyboardInterrupt):
                raise Cancelled(f"cancelled; {number - 1} of {len(jobs)} maps were written before.") from None
            if stopped and number < len(jobs):  # too late for that map
                raise Cancelled(f"cancelled; {number} of {len(jobs)} maps were written before.")
    else:
        _map(job)
    return DONE


def _map(job: SegmentationJob) -> bool:
    """Makes a map and prints what it holds; whether it was cancelled when that was too late."""
    from ..inference.segment import segment

    with progress_bar() as report:
        result = segment(job, report)
    print(f"{result.output}: {result.tiles} tiles in {result.seconds:.1f} s on {result.device}, {result.precision}")
    total = sum(result.areas_m2.values()) or 1.0
    for value, name, _ in result.classes:
        area = result.areas_m2[value]
        print(f"{value:3} {name:24} {area:14.1f} m2 {area / total:7.1%}")
    if result.changed_m2 is not None:
        print(f"{result.difference}: Sentinel-2 changed {result.changed_m2:.1f} m2, {result.changed_m2 / total:.1%}")
    return report.cancelled()


def _worker(options: argparse.Namespace) -> int:
    from .worker import main

    return main() or DONE
