"""Published: the figures of *Segment Anything* (arXiv 2304.02643) that results are laid beside.

All were read off the paper's text, table by table. A metric has the name that results give it, and
is a fraction of 1 as there. The model called SAM is SAM ViT-H, and its answers are zero-shot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PAPER = "*Segment Anything* (arXiv 2304.02643)"


@dataclass(frozen=True)
class Figures:
    """A row of a table: a method's figures, by the names of metrics; what is missing was not given.

    trained: whether the method learnt from the dataset's own training split.
    """

    method: str
    metrics: Mapping[str, float]
    trained: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the paper. where: its number; data: what it is about, split included."""

    where: str
    data: str
    rows: tuple[Figures, ...]


@dataclass(frozen=True)
class Interval:
    """A mean and half the width of its 95 % confidence interval."""

    mean: float
    margin: float


@dataclass(frozen=True)
class Group:
    """People (Table 2) or clothes of people (Table 6) who share the value of an attribute."""

    attribute: str
    value: str
    one_point: Interval
    three_points: Interval


@dataclass(frozen=True)
class Share:
    """Images of a region or an income group (Table 1).

    countries, images, masks: of SA-1B, the latter two as rounded there. The shares are of images:
    in COCO and Open Images, of those (24 % and 18 % of the training set) with a known location.
    """

    group: str
    countries: int
    images: int
    masks: float
    sa_1b: float
    coco: float
    open_images: float


def _rows(
    metrics: Iterable[str], figures: Mapping[str, tuple[float | None, ...]], trained: Iterable[str]
) -> tuple[Figures, ...]:
    names = tuple(metrics)
    return tuple(
        Figures(
            method,
            {name: value for name, value in zip(names, row, strict=True) if value is not None},
            method in trained,
        )
        for method, row in figures.items()
    )


def _per_cent(
    metrics: Iterable[str], figures: Mapping[str, tuple[float, ...]], trained: Iterable[str]
) -> tuple[Figures, ...]:
    fractions = {
        method: tuple(round(value / 100, 5) for value in row) for method, row in figures.items()
    }
    return _rows(metrics, fractions, trained)


EDGES = Table(
    "Table 3",
    "BSDS500, test split (200 images)",
    _rows(
        ("ods", "ois", "ap", "r50"),
        {
            "HED": (0.788, 0.808, 0.840, 0.923),
            "EDETR": (0.840, 0.858, 0.896, 0.930),
            "Sobel filter": (0.539, None, None, None),
            "Canny": (0.600, 0.640, 0.580, None),
            "Felz-Hutt": (0.610, 0.640, 0.560, None),
            "SAM": (0.768, 0.786, 0.794, 0.928),
        },
        trained=("HED", "EDETR"),
    ),
)

PROPOSALS = Table(
    "Table 4",
    "LVIS v1, validation split",
    _per_cent(
        (
            "ar_1000",
            "ar_1000_small",
            "ar_1000_medium",
            "ar_1000_large",
            "ar_1000_frequent",
            "ar_1000_common",
            "ar_1000_rare",
        ),
        {
            "ViTDet-H": (63.0, 51.7, 80.8, 87.0, 63.1, 63.3, 58.3),
            "SAM, single output": (54.9, 42.8, 76.7, 74.4, 54.7, 59.8, 62.0),
            "SAM": (59.3, 45.5, 81.6, 86.9, 59.1, 63.9, 65.8),
        },
        trained=("ViTDet-H",),
    ),
)

_BOX_METRICS = ("ap", "ap_small", "ap_medium", "ap_large")
BOXES_COCO = Table(
    "Table 5",
    "COCO, validation split",
    _per_cent(
        _BOX_METRICS,
        {"ViTDet-H": (51.0, 32.0, 54.3, 68.9), "SAM": (46.5, 30.8, 51.0, 61.7)},
        trained=("ViTDet-H",),
    ),
)
BOXES_LVIS = Table(
    "Table 5",
    "LVIS v1, validation split",
    _per_cent(
        _BOX_METRICS,
        {"ViTDet-H": (46.6, 35.0, 58.0, 66.3), "SAM": (44.7, 32.5, 57.6, 65.5)},
        trained=("ViTDet-H",),
    ),
)


def _group(
    attribute: str, value: str, one: tuple[float, float], three: tuple[float, float]
) -> Group:
    intervals = (Interval(round(a / 100, 5), round(b / 100, 5)) for a, b in (one, three))
    return Group(attribute, value, *intervals)


GENDER, AGE, SKIN = "perceived gender presentation", "perceived age group", "perceived skin tone"
PEOPLE_TABLE, CLOTHES_TABLE = "Table 2", "Table 6"
PEOPLE = (
    _group(GENDER, "feminine", (54.4, 1.7), (90.4, 0.6)),
    _group(GENDER, "masculine", (55.7, 1.7), (90.1, 0.6)),
    _group(AGE, "older", (62.9, 6.7), (92.6, 1.3)),
    _group(AGE, "middle", (54.5, 1.3), (90.2, 0.5)),
    _group(AGE, "young", (54.2, 2.2), (91.2, 0.7)),
    _group(SKIN, "1", (52.9, 2.2), (91.0, 0.9)),
    _group(SKIN, "2", (51.5, 1.4), (91.1, 0.5)),
    _group(SKIN, "3", (52.2, 1.9), (91.4, 0.7)),
    _group(SKIN, "4", (51.5, 2.7), (91.7, 1.0)),
    _group(SKIN, "5", (52.4, 4.2), (92.5, 1.4)),
    _group(SKIN, "6", (56.7, 6.3), (91.2, 2.4)),
)
CLOTHES = (
    _group(GENDER, "feminine", (76.3, 1.1), (90.7, 0.5)),
    _group(GENDER, "masculine", (81.0, 1.2), (92.3, 0.4)),
    _group(AGE, "older", (81.9, 3.8), (92.8, 1.6)),
    _group(AGE, "middle", (78.2, 0.8), (91.3, 0.3)),
    _group(AGE, "young", (77.3, 2.7), (91.5, 0.9)),
)

REPRESENTATION_TABLE = "Table 1"
REPRESENTATION = (
    Share("Africa", 54, 300_000, 28e6, 0.028, 0.030, 0.017),
    Share("Asia & Oceania", 70, 3_900_000, 423e6, 0.362, 0.114, 0.143),
    Share("Europe", 47, 5_400_000, 540e6, 0.498, 0.342, 0.362),
    Share("Latin America & Caribbean", 42, 380_000, 36e6, 0.035, 0.031, 0.050),
    Share("North America", 4, 830_000, 80e6, 0.077, 0.483, 0.428),
    Share("high income", 81, 5_800_000, 598e6, 0.540, 0.891, 0.875),
    Share("middle income", 108, 4_900_000, 499e6, 0.450, 0.105, 0.120),
    Share("low income", 28, 100_000, 9.4e6, 0.009, 0.004, 0.005),
)


@dataclass(frozen=True)
class Protocol:
    """How others measured. where: who and in which section; options: of our experiment."""

    where: str
    options: Mapping[str, Any]


_ALL_MASKS = {"masks_per_image": None, "smallest_px": 0}
SUITE_DATASETS = 23
PROTOCOLS: Mapping[str, Protocol] = {
    "points": Protocol(
        "the paper (§7.1, §D.1)", {"clicks": [1, 2, 3, 5, 9], "first": "centre", **_ALL_MASKS}
    ),
    "clicks": Protocol("RITM's protocol (Sofiiuk et al., 2021)", {"clicks": 20, **_ALL_MASKS}),
    # The last three are the benchmark's own, whose standard metrics the paper takes.
    "edges": Protocol(
        "the paper (§7.2, §D.2)",
        {
            "split": "test",
            "points_per_side": 16,
            "thresholds": 99,
            "thinned": True,
            "max_distance": 0.0075,
        },
    ),
    "proposals": Protocol("the paper (§7.3, §D.3)", {"points_per_side": 64, "box_nms_thresh": 0.9}),
    "boxes": Protocol("the paper (§7.4, §D.4)", {"refinements": 1}),
    "fairness": Protocol("the paper (§6, §C)", {"first": "random", "level": 0.95, **_ALL_MASKS}),
}
