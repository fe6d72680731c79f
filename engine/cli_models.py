"""The command line of the model library: `models` and what stands behind it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..contract.cards import BadModel, ModelCard, read_card
from ..models.library import (
    broken_models,
    default_model,
    delete_model,
    find_installed,
    find_model,
    installed_models,
    models_at_hand,
    rename_model,
    set_default_model,
    size_of,
    user_folder,
)
from ..models.package import export_model
from ..models.published import PUBLISHED
from .bar import progress_bar

_LIVE_CLASSES = "trained outputs of a FLAIR-INC U-Net; default: by its name"


def add_models(commands) -> None:
    """Adds the command `models` with its own commands to those of argparse; each option's `run` returns None."""
    models = commands.add_parser("models", help="list the models at hand, or look after them")
    models.add_argument("--install", metavar="FILE", help="checkpoint (.ckpt, .pth, .safetensors) to install")
    models.add_argument("--name", help="id of the installed model; default: the file's name")
    models.add_argument("--live-classes", type=int, choices=(12, 15), help=_LIVE_CLASSES)
    models.set_defaults(run=_list_or_install)
    family = models.add_subparsers(dest="action", title="commands", parser_class=type(models))

    show = family.add_parser("show", help="what a model takes, gives and scored; also of a file, before it is imported")
    show.add_argument("id", metavar="ID_OR_FILE", help="model id, zip, folder or checkpoint")
    show.set_defaults(run=_show)

    take = family.add_parser("import", help="take a model into the library")
    take.add_argument("path", metavar="PATH", help="zip that a model was exported to, model folder, or checkpoint")
    # Not given, the options that `models` has too keep what stood before `import`.
    take.add_argument("--name", default=argparse.SUPPRESS, metavar="TITLE", help="its title; default: as it is")
    take.add_argument("--live-classes", type=int, choices=(12, 15), default=argparse.SUPPRESS, help=_LIVE_CLASSES)
    take.set_defaults(run=_import)

    export = family.add_parser("export", help="write a model as a zip")
    export.add_argument("id", metavar="ID", help="model id or folder")
    export.add_argument("path", metavar="FILE.zip", help="zip to write; one that is there is replaced")
    export.set_defaults(run=_export)

    rename = family.add_parser("rename", help="give a model another title; its id stays")
    rename.add_argument("id", metavar="ID")
    rename.add_argument("title", metavar="TITLE")
    rename.set_defaults(run=_rename)

    delete = family.add_parser("delete", help="remove a model from the library")
    delete.add_argument("id", metavar="ID")
    delete.set_defaults(run=_delete)

    published = family.add_parser("published", help="IGN's published models that can be fetched")
    published.set_defaults(run=_published)

    fetch = family.add_parser("fetch", help="fetch a published model into the library")
    fetch.add_argument("id", metavar="NAME", help="its name on the model hub, such as IGNF/FLAIR-HUB_LC-A_IR_...")
    fetch.set_defaults(run=_fetch)

    default = family.add_parser("default", help="show or choose the model that is taken where none is named")
    default.add_argument("id", metavar="ID", nargs="?", help="bundled: the one that comes with the plugin")
    default.set_defaults(run=_default)

    make = family.add_parser("make-utt", help="make a U-T&T, to be fine-tuned with Sentinel-2, from a U-Net")
    make.add_argument("id", metavar="ID_OR_FILE", help="U-Net with ResNet34 on five bands: id, folder or checkpoint")
    make.add_argument("--name", default=argparse.SUPPRESS, metavar="TITLE", help="its title; default: after the U-Net")
    make.set_defaults(run=_make_utt)

    for command in family.choices.values():
        command.set_defaults(guarded=command.get_default("run"), run=_alone)


def _alone(options: argparse.Namespace) -> None:
    """Runs a command of the family, which does not go together with an installation."""
    if options.install:
        raise BadModel(f"--install does not go together with {options.action}: give one of them at a time.")
    options.guarded(options)


def _list_or_install(options: argparse.Namespace) -> None:
    if options.install:
        from ..models.networks.checkpoints import install_checkpoint

        name = options.name or Path(options.install).stem.lower()
        card = install_checkpoint(Path(options.install), user_folder() / name, options.live_classes)
        print(f"{card.id}: installed in {user_folder() / name}")
        return
    default = find_model("")
    for folder, card in models_at_hand():
        mark = "*" if folder == default else " "
        licence = _plain(card.licence) or "licence unknown"
        print(
            f"{mark} {card.id:24} {_size(size_of(folder)):>9}  {_plain(card.title)} ({licence}): {_plain(card.limits)}"
        )

    for folder, reason in broken_models():
        print(f"! {folder.name:24} {_size(size_of(folder)):>9}  cannot be used: {_plain(reason)}")


def _show(options: argparse.Namespace) -> None:
    known = {card.id for card in installed_models()}
    if options.id in {"bundled", *known} or not os.path.exists(os.path.expanduser(options.id)):
        folder = find_installed(options.id)
        card, where, size = read_card(folder), str(folder), size_of(folder)
        where += " (the default model)" if folder == find_model("") else ""
    else:
        from .import_model import recognise

        found = recognise(options.id)
        card, where, size = found.card, f"{found.path} ({found.kind}, not in the library)", found.size_bytes
    for name, value in _lines(card, where, size):
        print(f"{name:16} {_plain(value) or '-'}")


def _lines(card: ModelCard, where: str, size: int) -> list[tuple[str, str]]:
    """What there is to say of a model, as names and values."""
    satellite = "none"
    if card.satellite:
        need = "required" if card.satellite.required else "optional"
        satellite = f"{', '.join(card.satellite.bands)} by {card.satellite.averaging}, {need}"
    optional = [role for role in card.inputs if role in card.fill]
    predicted = [kind for kind in card.classes if kind.value in card.outputs]
    return [
        ("id", card.id),
        ("title", card.title),
        ("where", where),
        ("size", _size(size)),
        ("architecture", card.architecture),
        ("bands", ", ".join(role + (" (optional)" if role in optional else "") for role in card.inputs)),
        ("Sentinel-2", satellite),
        ("pixel and tile", f"{card.ground_sampling_distance:g} m, {card.tile_size} pixels a side"),
        ("classes", ", ".join(f"{kind.value} {kind.name}" for kind in predicted)),
        ("licence", card.licence),
        ("source", card.source),
        ("training data", card.training_data),
        ("limits", card.limits),
        *_scores(card.scores),
        ("weights", card.weights_digest),
    ]


def _scores(scores: dict, path: str = "") -> list[tuple[str, str]]:
    """Scores, which nest as deep as their card likes: a line for each text, and one for the numbers of each level."""
    lines = [("score", f"{path}{name}: {value}") for name, value in scores.items() if isinstance(value, str)]
    numbers = [f"{name} {value}" for name, value in scores.items() if isinstance(value, (int, float))]
    if numbers:
        lines.append(("score", f"{path.rstrip(', ')}: {', '.join(numbers)}".lstrip(": ")))
    for name, value in scores.items():
        if isinstance(value, dict):
            lines += _scores(value, f"{path}{name}, ")
    return lines


def _import(options: argparse.Namespace) -> None:
    from .import_model import import_model

    card = import_model(options.path, options.name, options.live_classes)
    print(f"{card.id}: {_plain(card.title)}, imported into {user_folder() / card.id}")


def _published(options: argparse.Namespace) -> None:
    for model in PUBLISHED:
        score = f"mean IoU {model.mean_iou:.1%} on {model.measured_on}" if model.mean_iou else "no published score"
        needs = " and a Sentinel-2 series" if model.satellite else ""
        bands = ", ".join(model.inputs) or "bands unknown"
        print(f"{model.hub_id:55} {bands}{needs}; {model.classes or '?'} classes; {model.licence}; {score}")


def _fetch(options: argparse.Namespace) -> None:
    from .fetch import fetch

    with progress_bar() as report:
        card = fetch(options.id, report)
    print(f"{card.id}: {_plain(card.title)}, fetched into {user_folder() / card.id}")


def _export(options: argparse.Namespace) -> None:
    size = export_model(find_model(options.id), Path(options.path))
    print(f"{options.path}: {_size(size)}")


def _rename(options: argparse.Namespace) -> None:
    print(f"{options.id}: {_plain(rename_model(options.id, options.title).title)}")


def _delete(options: argparse.Namespace) -> None:
    was_default = delete_model(options.id)
    print(f"{options.id}: deleted")
    if was_default:
        print("It was the default model: the bundled one is now.")


def _default(options: argparse.Namespace) -> None:
    if options.id:
        set_default_model(options.id)
    print(default_model())


def _make_utt(options: argparse.Namespace) -> None:
    from ..models.networks.utt_from_unet import make_utt

    card = make_utt(find_model(options.id), options.name)
    print(f"{card.id}: {_plain(card.title)}, made in {user_folder() / card.id}; fine-tune it with a Sentinel-2 series")


def _size(size: int) -> str:
    """Bytes as a reader takes them in."""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _plain(text: object) -> str:
    """Text of a card without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))
