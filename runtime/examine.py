"""What an environment holds and can do: versions, and devices by a real forward pass on each.

Standard library only: the environment's own Python does the work, in a process of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess  # nosec B404 # asks the NVIDIA driver, never through a shell
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .environment import REQUIRED_MODULES, child_environment, interpreter_options
from .failures import BROKEN, SetupFailure, failure
from .processes import NO_WINDOW, run_lines

# Loading torch from a slow disk and waking a graphics card up, with room to spare.
_TIMEOUT_S = 300.0
_SMI_TIMEOUT_S = 20.0
_MARK = "flair-landcover:"
# Of what `examine` gives the versions of.
PACKAGES = (
    "torch",
    "segmentation-models-pytorch",
    "rasterio",
    "numpy",
    "torchvision",
    "timm",
    "safetensors",
    "pyogrio",
    "shapely",
)
# In the order in which the engine's `auto` takes them (inference/backends/torch_backend.py).
_ORDER = ("cuda", "mps", "cpu")
# Flags of Linux's /proc/cpuinfo that decide how fast a network runs (x86 and ARM).
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16", "i8mm")

# Each answer is a line of its own as soon as it is known: a driver that crashes the process leaves the rest.
_PROBE = """
import importlib.util, json, platform, sys, time
from importlib import metadata

MARK, packages, modules, flags = sys.argv[1], *(text.split(",") for text in sys.argv[2:5])

def say(**values):
    print(MARK + json.dumps(values), flush=True)

def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""

say(
    python=platform.python_version(),
    machine=platform.machine(),
    versions={name: version(name) for name in packages},
    missing=[name for name in modules if importlib.util.find_spec(name) is None],
)
if importlib.util.find_spec("torch") is None:
    sys.exit()
import torch

def flags_here():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            words = set(file.read().split())
    except OSError:
        return []
    return [flag for flag in flags if flag in words]

capability = getattr(torch.backends.cpu, "get_cpu_capability", lambda: "")()
say(torch=torch.__version__, cuda_build=torch.version.cuda or "", hip_build=getattr(torch.version, "hip", None) or "",
    instructions=[capability] * bool(capability) + flags_here())

def forward(device):
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.Conv2d(8, 4, 1)).eval()
    picture = torch.linspace(-1, 1, 3 * 64 * 64).reshape(1, 3, 64, 64)
    with torch.inference_mode():
        expected = network(picture)
        network = network.to(device)
        network(picture.to(device)).cpu()
        start = time.perf_counter()
        result = network(picture.to(device)).float().cpu()
        seconds = time.perf_counter() - start
    # Graphics cards multiply with 10 bits of mantissa (TF32): enough to tell a result from nonsense.
    if not torch.allclose(expected, result, atol=2e-2):
        raise RuntimeError("the result differs from that of the processor")
    return seconds

def attempt(device, name, offered):
    say(trying=device, name=name, offered=offered)
    try:
        say(device=device, seconds=forward(device), error="")
    except Exception as error:
        say(device=device, seconds=0.0, error=f"{type(error).__name__}: {error}")

attempt("cpu", "CPU", True)
if torch.version.cuda or getattr(torch.version, "hip", None):
    offered = torch.cuda.is_available()
    name = ""
    if offered:
        try:
            name = torch.cuda.get_device_name()
        except Exception:
            name = ""
    attempt("cuda", name, offered)
if torch.backends.mps.is_built():
    attempt("mps", "Apple GPU", torch.backends.mps.is_available())
try:
    import torchvision
except RuntimeError as error:
    if "torchvision::" in str(error):
        say(mismatch=str(error))
except ImportError:
    pass
"""


@dataclass(frozen=True)
class ExaminedDevice:
    """A device and whether a network ran on it.

    id: cpu, cuda or mps; name: what it is called.
    works: a forward pass gave the right values; seconds: that the second one took.
    offered: torch says that it is there, so that the engine's `auto` may take it.
    reason: why it cannot be used and what to do, one sentence; "" where it works.
    """

    id: str
    name: str
    works: bool
    offered: bool
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Examination:
    """What an environment holds and can do.

    python: the interpreter; python_version, machine: as it says of itself ("3.12.1", "x86_64").
    versions: package name to version, "" for one that is not there; see `PACKAGES`.
    missing: modules that the engine cannot start without.
    instructions: instruction sets of the processor, as torch and the system name them.
    cuda_build: the CUDA version that torch was built for, "" for none.
    devices: what was tried, the fastest first; a graphics card that torch cannot see is among them.
    notes: sentences worth knowing that are no fault.
    failure: why the engine cannot run here; None where it can.
    """

    python: str
    python_version: str = ""
    machine: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    cuda_build: str = ""
    devices: tuple[ExaminedDevice, ...] = ()
    notes: tuple[str, ...] = ()
    failure: SetupFailure | None = None

    @property
    def run_device(self) -> str:
        """The id of the device that a run with the device `auto` uses, "" where there is none."""
        return next((device.id for device in self.devices if device.offered), "")

    @property
    def device_sentence(self) -> str:
        """Which device a run uses, and why not a faster one that is there."""
        chosen = next((device for device in self.devices if device.id == self.run_device), None)
        if chosen is None:
            return "No device was found to run on."
        unusable = " ".join(device.reason for device in self.devices if device.reason and device is not chosen)
        if not chosen.works:
            working = next((device.id for device in self.devices if device.works), "")
            remedy = f" Choose the device {working} for your runs." if working else ""
            return f"A run would use {chosen.name or chosen.id}, which does not work. {chosen.reason}{remedy}"
        return f"A run uses {chosen.name or chosen.id}. {unusable}".strip()


def examine(python: str, is_cancelled: Callable[[], bool] | None = None) -> Examination:
    """Looks at the environment of the interpreter `python`; takes some seconds.

    Raises CancelledError once `is_cancelled` is true; every fault of the environment is in the result.
    """
    answers: list[dict] = []

    def take(line: str) -> None:
        if line.startswith(_MARK):
            answers.append(json.loads(line[len(_MARK) :]))

    arguments = (_MARK, ",".join(PACKAGES), ",".join(REQUIRED_MODULES), ",".join(_FLAGS))
    command = [python, *interpreter_options(), "-c", _PROBE, *arguments]
    try:
        done = run_lines(command, child_environment(), take, is_cancelled, timeout_s=_TIMEOUT_S)
    except OSError as error:
        return Examination(python, failure=failure(BROKEN, f"{python} cannot be started.", output=str(error)))
    return _examination(python, answers, done.status, done.output, nvidia_card())


def nvidia_card() -> str:
    """Name and driver version of the first NVIDIA card, as its driver says; "" where there is none.

    torch alone cannot tell: one built for the processor sees no card at all. Without a driver the card is still found
    on Linux, among the devices of the bus.
    """
    return _card_of_driver() or _card_of_bus(Path("/sys/bus/pci/devices"))


def _card_of_bus(devices: Path) -> str:
    """A word for the NVIDIA graphics card on the PCI bus (vendor 0x10de, class 0x03 display), "" for none."""
    for device in devices.glob("*"):
        with contextlib.suppress(OSError):
            vendor, kind = ((device / name).read_text(encoding="ascii").strip() for name in ("vendor", "class"))
            if vendor == "0x10de" and kind.startswith("0x03"):
                return "NVIDIA, without a driver that answers"
    return ""


def _card_of_driver() -> str:
    program = shutil.which("nvidia-smi")
    if program is None and os.name == "nt":
        program = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvidia-smi.exe")
    if program is None:
        return ""
    try:
        done = subprocess.run(  # nosec B603 # the driver's own program, arguments of our own
            [program, "--query-gpu=name,driver_version", "--format=csv,noheader"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SMI_TIMEOUT_S,
            check=True,
            creationflags=NO_WINDOW,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return ", driver ".join(part.strip() for part in lines[0].split(",", 1)) if lines else ""


def _examination(python: str, answers: list[dict], status: int | None, output: str, card: str) -> Examination:
    first = next((answer for answer in answers if "python" in answer), None)
    if first is None:
        return Examination(python, failure=failure(BROKEN, f"{python} does not run as a Python.", output=output))
    build = next((answer for answer in answers if "cuda_build" in answer), {})
    ended = "it did not end in time" if status is None else f"the process ended with status {status}"
    devices = _devices(answers, ended)
    if build and card and not any(device.id == "cuda" for device in devices):
        devices.append(ExaminedDevice("cuda", card, False, False, reason=gpu_reason("", card, "")))
    kinds = (("CUDA", build.get("cuda_build")), ("ROCm", build.get("hip_build")))
    kind = next((f"{name} {version}" for name, version in kinds if version), "")
    devices = [_with_card(device, kind, card) for device in devices]
    devices.sort(key=lambda device: _ORDER.index(device.id))
    # A CUDA build on a machine without a card is nothing to speak of.
    devices = [device for device in devices if device.works or device.offered or device.id == "cpu" or card]
    notes = []
    if any("mismatch" in answer for answer in answers):
        notes.append(
            "torch and torchvision come from different builds; this is harmless, the engine uses no operator of "
            "torchvision."
        )
    missing = tuple(first["missing"])
    fault = None
    if missing:
        fault = failure(BROKEN, f"The environment lacks {' and '.join(missing)}.", output=output)
    elif not build:
        fault = failure(BROKEN, "torch cannot be loaded in the environment.", output=output)
    elif not any(device.works for device in devices):
        fault = failure(BROKEN, "No device of this machine can run a network.", output=output)
    return Examination(
        python,
        first["python"],
        first["machine"],
        dict(first["versions"]),
        missing,
        tuple(build.get("instructions", ())),
        build.get("cuda_build", ""),
        tuple(devices),
        tuple(notes),
        fault,
    )


def _devices(answers: list[dict], ended: str) -> list[ExaminedDevice]:
    """What was tried; the one at which the process ended did not work. ended: how it ended."""
    results = {answer["device"]: answer for answer in answers if "device" in answer}
    devices = []
    for tried in (answer for answer in answers if "trying" in answer):
        id = tried["trying"]
        result = results.get(id, {"seconds": 0.0, "error": ended})
        error = result["error"]
        devices.append(ExaminedDevice(id, tried["name"] or id, not error, tried["offered"], result["seconds"], error))
    return devices


def _with_card(device: ExaminedDevice, build: str, card: str) -> ExaminedDevice:
    """The device with a reason for the user instead of torch's error."""
    if device.works or not device.reason:
        return device
    name = card if device.id == "cuda" and card else device.name
    if device.id == "cuda":
        reason = gpu_reason(build, name, device.reason)
    elif device.id == "mps":
        reason = f"The Apple GPU cannot be used ({_brief(device.reason)}): update macOS to 12.3 or newer."
    else:
        reason = f"The processor cannot run a network ({_brief(device.reason)}): repair the environment."
    return ExaminedDevice(device.id, name, False, device.offered, 0.0, reason)


def gpu_reason(build: str, card: str, error: str) -> str:
    """Why a graphics card cannot be used and what to do, one sentence.

    build: what torch was built for ("CUDA 12.6"), "" for the processor alone; card: its name; error: of torch.
    """
    low = error.lower()
    if not build:
        why = "the installed torch is built for the processor alone: make the environment again with a CUDA build"
    elif "too old" in low or "insufficient" in low:
        why = f"its driver is too old for {build}: update its driver"
    elif "no nvidia driver" in low or "no cuda-capable device" in low or "driver" in low:
        why = "its driver does not answer: install or update the driver and start the machine again"
    elif "out of memory" in low:
        why = "its memory is full: close other programs that use it"
    elif "no kernel image" in low or "not compatible" in low:
        why = f"it is none that this build for {build} supports: make the environment with another build"
    else:
        why = f"a trial on it failed ({_brief(error)}): update its driver, or choose the device cpu"
    return f"The graphics card {card} cannot be used, {why}."


def _brief(error: str) -> str:
    line = (error.strip().splitlines() or ["no reason given"])[0]
    return line if len(line) <= 160 else line[:157] + "..."
