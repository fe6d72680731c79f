"""IGN's published models that this version can fetch and run. Standard library only.

Two families. FLAIR-INC: networks of segmentation-models-pytorch on red, green and blue, then near infrared, then
height. FLAIR-HUB (arXiv 2506.07080): ConvNeXt V2 and Swin encoders on near infrared, red and green (``IR``) or on red,
green and blue (``RGB``), alone (``LC-A``) or with a Sentinel-2 series (``LC-D``).

Sources of what stands here: file names, sizes and sha256 of FLAIR-INC are those of the commits that added the weights
to the models' repositories; each is pinned to that commit. Of FLAIR-HUB no such commit was at hand: sha256 and revision
are unknown, and what is fetched first counts from then on (see `engine.hub`). Scores are those of the models' own
cards, and of IGN's overview of FLAIR-HUB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..contract.cards import ROLES

_LICENCE = "etalab-2.0"
_COLOURS = ("red", "green", "blue")
_INFRARED = ("nir", "red", "green")
_HUB_CARD = "FLAIR-HUB, as IGN's model card states"
_HUB_STATED = "FLAIR-HUB, as IGN states"
_INC_CARD = "the 31,750 test patches of FLAIR #1 and #2, snow left out, as IGN's model card states"


@dataclass(frozen=True)
class PublishedModel:
    """A model on the hub: where it is and what it will be once it is read.

    hub_id: ``owner/name``. file: the weights' name in that repository.
    architecture: as in our cards; "" where it is unknown until the file is read.
    inputs: roles of the aerial bands in the network's order; () where unknown.
    classes: how many classes it was trained to tell apart (its 19 outputs hold some that were not); 0: unknown.
    satellite: whether it needs a Sentinel-2 series.
    weights: how many weights it has, in millions. mean_iou, accuracy: published, 0..1, on `measured_on`.
    size: of the file, in bytes. revision: the commit that is fetched; None: the newest.
    digest: ``sha256:<hex>`` of the file. None in any of these: unknown.
    """

    hub_id: str
    file: str
    architecture: str = ""
    inputs: tuple[str, ...] = ()
    classes: int = 0
    satellite: bool = False
    licence: str = _LICENCE
    weights: float | None = None
    mean_iou: float | None = None
    accuracy: float | None = None
    measured_on: str = ""
    size: int | None = None
    revision: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """The name without its owner."""
        return self.hub_id.rpartition("/")[2]


def _inc(
    kind: str,
    network: str,
    architecture: str,
    size: int,
    revision: str,
    digest: str,
    mean_iou: float | None = None,
    accuracy: float | None = None,
) -> PublishedModel:
    """One of FLAIR-INC. kind: its bands and classes, such as ``rgbie_15cl``."""
    name = f"FLAIR-INC_{kind}_{network}"
    bands, classes = kind.split("_")
    return PublishedModel(
        hub_id=f"IGNF/{name}",
        file=f"{name}_weights.pth",
        architecture=architecture,
        inputs=ROLES[: len(bands)],
        classes=int(classes[:2]),
        mean_iou=mean_iou,
        accuracy=accuracy,
        measured_on=_INC_CARD if mean_iou is not None else "",
        size=size,
        revision=revision,
        digest=digest,
    )


def _hub(kind: str, network: str, **known: Any) -> PublishedModel:
    """One of FLAIR-HUB. kind: ``LC-A_IR``, ``LC-A_RGB`` or ``LC-D``."""
    name = f"FLAIR-HUB_{kind}_{network}"
    return PublishedModel(
        hub_id=f"IGNF/{name}",
        file=f"{name}.safetensors",
        architecture=f"flairhub:{network}",
        inputs=_COLOURS if kind.endswith("_RGB") else _INFRARED,
        classes=15,
        satellite=kind.startswith("LC-D"),
        **known,
    )


# Best first within a family. A commit is public: the scanners of secrets are told so.
PUBLISHED: tuple[PublishedModel, ...] = (
    # The exact name on the hub was not seen; it follows LC-F's, which has no IR either.
    _hub("LC-D", "swinbase-upernet", weights=93.9, mean_iou=0.647, measured_on=_HUB_STATED),
    _hub("LC-A_IR", "swinlarge-upernet"),
    _hub("LC-A_IR", "swinbase-upernet", weights=89.4, mean_iou=0.641, measured_on=_HUB_STATED),
    _hub("LC-A_IR", "convnextv2base-upernet", weights=90.2, mean_iou=0.63771, accuracy=0.77031, measured_on=_HUB_CARD),
    _hub("LC-A_IR", "convnextv2base-unet"),
    _hub("LC-A_IR", "convnextv2tiny-upernet", weights=29.8, mean_iou=0.62725, accuracy=0.76434, measured_on=_HUB_CARD),
    _hub("LC-A_RGB", "swinlarge-upernet"),
    _hub("LC-A_RGB", "swinbase-upernet"),
    _hub("LC-A_RGB", "swinsmall-upernet"),
    _hub("LC-A_RGB", "swintiny-upernet"),
    _inc(
        "rgbie_15cl",
        "resnet34-unet",
        "smp:Unet:resnet34",
        97957843,
        "31b43f7d9c435ea59ba4914fbee113aaae177e12",  # pragma: allowlist secret
        "sha256:e7be92484275ecb581a758fc8a7efa088f8b4201d62dcbc252094707bd025888",
        mean_iou=0.58625,
        accuracy=0.76371,
    ),
    _inc(
        "rgbie_12cl",
        "resnet34-unet",
        "smp:Unet:resnet34",
        97957843,
        "b46b81694e5f9da4aaa2b8d7d8327dcd6c9e829f",  # pragma: allowlist secret
        "sha256:e28ac3605f26fac130eb2ad5fed1b546b7ea639db2795bda128b12c9d2b23981",
    ),
    _inc(
        "rgbi_15cl",
        "resnet34-unet",
        "smp:Unet:resnet34",
        97945299,
        "19b80d1ca5d9b8972bd25218e29aaf0de2b00b22",  # pragma: allowlist secret
        "sha256:91465bf3e5307a31f3efb9f75ee15aebd02df0650dc8a7efcc64aece78a5fc51",
    ),
    _inc(
        "rgb_15cl",
        "resnet34-unet",
        "smp:Unet:resnet34",
        97932755,
        "c3728e205b3e195946d92c27a8f6da0db95020cc",  # pragma: allowlist secret
        "sha256:d0033871116361360fa6d2024cc4425a01858afdff1bef2ed1d35514cd48a015",
        mean_iou=0.59013,
        accuracy=0.75482,
    ),
    _inc(
        "rgb_12cl",
        "resnet34-unet",
        "smp:Unet:resnet34",
        97932755,
        "9b7d3219edb13b7bc75a1ef0f6d50b14374a0579",  # pragma: allowlist secret
        "sha256:b7900cb1cf34f137c2f86a002dc99bca402d5a0139f8ad6253589ece416a511f",
    ),
    _inc(
        "rgb_15cl",
        "mitb5-unet",
        "smp:Unet:mit_b5",
        339344766,
        "d6710c33e69a97a12b8f4a9268ee52be03c6e320",  # pragma: allowlist secret
        "sha256:bbb59e59e8390362825bb29face698be89b6426bbaf03b0943cece70de9250f9",
    ),
    _inc(
        "rgb_15cl",
        "resnet34-deeplabv3",
        "smp:DeepLabV3:resnet34",
        104221495,
        "90679be8e6ad79dab97294a91570c14cf54333d2",  # pragma: allowlist secret
        "sha256:b872ab0a4940bf1344e194df6e9a71b1f1847d5771ae450459cabacd42a05541",
    ),
    _inc(
        "rgb_15cl",
        "resnet34-fpn",
        "smp:FPN:resnet34",
        92789265,
        "be7f6fbfe9e7623cc2e61a98dcce312ecb158385",  # pragma: allowlist secret
        "sha256:8166bcf8da2388748930a128a0c99c7a65db97bfa8e086e6178458fdd162c93a",
        mean_iou=0.59284,
        accuracy=0.74712,
    ),
)


def find_published(name: str) -> PublishedModel | None:
    """The published model of that hub id, name without its owner, or file name, in any case; None: there is none."""
    wanted = name.strip().casefold()
    for model in PUBLISHED:
        if wanted in {each.casefold() for each in (model.hub_id, model.name, model.file)}:
            return model
    return None
