"""What an examination found, as lines of two columns for the user."""

from __future__ import annotations

from dataclasses import dataclass

from qgis.PyQt.QtCore import QCoreApplication, QLocale

from ...runtime.examine import Device, Examination

_TITLES = {"cpu": "CPU", "cuda": "CUDA", "mps": "MPS"}


@dataclass(frozen=True)
class Fact:
    """name: what it is about. value: what was found. wrong: it keeps the engine from working, or a device from use."""

    name: str
    value: str
    wrong: bool = False


def facts(examination: Examination, chosen_by: str) -> list[Fact]:
    """One line each for the interpreter, the packages, the processor and the devices.

    chosen_by: where the choice of the interpreter comes from, in words.
    """
    python = f"{examination.python_version or '?'} – {examination.python}"
    found = [Fact("Python", f"{python} ({chosen_by})" if chosen_by else python)]
    found += [
        Fact(name, version or _tr("missing"), name.replace("-", "_") in examination.missing)
        for name, version in examination.versions.items()
    ]
    if examination.instructions:
        found.append(Fact(_tr("Instruction sets"), ", ".join(examination.instructions)))
    found += [_device_fact(device) for device in examination.devices]
    return found + [Fact(_tr("Worth knowing"), note) for note in examination.notes]


def _device_fact(device: Device) -> Fact:
    title = _TITLES.get(device.id, device.id)
    name = title if device.name in (title, device.id) else f"{title}: {device.name}"
    if device.works:
        milliseconds = QLocale().toString(1000 * device.seconds, "f", 1)
        return Fact(name, _tr("works (a small network took {} ms)").format(milliseconds))
    return Fact(name, device.reason, wrong=True)


def _tr(text: str) -> str:
    return QCoreApplication.translate("EngineFacts", text)
