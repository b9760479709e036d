"""Results that nobody measured, of each experiment, for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from anymask.evaluation.experiments.clicks import Clicks
from anymask.evaluation.experiments.edges import Edges
from anymask.evaluation.experiments.fairness import Fairness
from anymask.evaluation.experiments.points import Points
from anymask.evaluation.experiments.proposals import Proposals
from anymask.evaluation.measures.groups import CLICKS
from anymask.evaluation.result import Result

MODEL, OTHER_MODEL = "mobile-sam@0123456789abcdef", "sam-vit-b@fedcba9876543210"
HOME = "/home/somebody"
NUMBERS = (1, 2, 3, 5, 9)


def result(
    experiment: str,
    data: str,
    options: Mapping[str, Any],
    metrics: Mapping[str, float],
    rows: list[dict[str, Any]] | None = None,
) -> Result:
    """Of the model, with all that a result says of how it came about."""
    return Result(
        experiment=experiment,
        options=dict(options),
        data=data,
        data_kind="mask pictures",
        data_fingerprint=f"of {data}",
        model=MODEL,
        images=20,
        metrics=metrics,
        seconds=110.0,
        model_seconds=100.0,
        command=f"anymask evaluate {experiment} --data {HOME}/data/{data} --out {HOME}/{data}.json",
        commit="abc1234",
        date="2026-11-21",
        machine="A processor, 2 processors",
        versions={"python": "3.11.7", "anymask": "0.1"},
        rows=rows or [],
    )


def points(data: str = "coins", seed: int = 0) -> Result:
    """Twenty images of three masks."""
    rng = np.random.default_rng([seed, *data.encode()])
    found = rng.beta(3, 2, 60)
    gains = 1 - np.exp(-(np.array(NUMBERS) - 1) / 3)
    rows = [
        {"image": f"{number // 3}.png", "mask": number % 3, "group": None}
        | {f"iou_{n}": float(iou + (0.95 - iou) * gain) for n, gain in zip(NUMBERS, gains)}
        | {"oracle_1": float(min(iou + 0.1, 1)), "boundary_iou_1": float(iou / 2)}
        for number, iou in enumerate(found)
    ]
    metrics = dict(Points().metrics(rows))
    return result("points", data, Points().options(), metrics, rows)


def clicks(data: str = "coins") -> Result:
    """Twenty images of a mask."""
    rng = np.random.default_rng([1, *data.encode()])
    curves = 0.97 - 0.5 * np.exp(-np.arange(20) / rng.uniform(1, 6, (20, 1)))
    rows = [
        {
            "image": f"{number}.png",
            "ious": curve.tolist(),
            "noc_85": int(np.argmax(curve >= 0.85)) + 1,
            "noc_90": int(np.argmax(curve >= 0.9)) + 1,
        }
        for number, curve in enumerate(curves)
    ]
    return result("clicks", data, Clicks().options(), dict(Clicks().metrics(rows)), rows)


def edges(detector: str = "") -> Result:
    """Counts of two images; a detector's are worse."""
    steps = np.linspace(0.05, 0.95, 19)
    found = 10_000 * (1 - steps)
    right = found * np.clip((0.4 if detector else 0.5) + 0.7 * steps, 0, 1)
    counts = {"cnt_r": 0.8 * right, "sum_r": np.full(19, 9_000), "cnt_p": right, "sum_p": found}
    rows = [
        {"image": name, **{kind: many.astype(int).tolist() for kind, many in counts.items()}}
        for name in ("a.jpg", "b.jpg")
    ]
    metrics = {"ods": 0.5 if detector else 0.6789, "ois": 0.7, "ap": 0.65, "ods_threshold": 0.3}
    options = Edges(detector=detector).options()
    made = result("edges", "bsds500", options, metrics, rows)
    return replace(made, model="none", model_seconds=0.0) if detector else made


def proposals() -> Result:
    """A COCO set's: no frequencies."""
    metrics = {"ar_10": 0.12, "ar_100": 0.31, "ar_1000": 0.4567, "ar_1000_small": 0.25}
    metrics |= {"ar_1000_medium": 0.5, "ar_1000_large": 0.7, "proposals_per_image": 512.4}
    return result("proposals", "coins", Proposals(points_per_side=32).options(), metrics)


def boxes() -> Result:
    """True boxes of a COCO set."""
    options = {"boxes": "true boxes", "refinements": 1, "lvis": False}
    metrics = {"ap": 0.6012, "ap_50": 0.9, "ap_75": 0.7, "ap_small": 0.4, "ap_large": 0.8}
    return result("boxes", "coins", options, metrics)


def fairness() -> Result:
    """Two attributes; of one group there is too little for an interval."""
    rng = np.random.default_rng(2)
    of = [("gender", "feminine"), ("gender", "masculine"), ("hat", "red"), ("hat", "green")]
    rows = [
        {
            "image": f"{number}.png",
            "mask": place,
            "group": None,
            **{f"iou_{n}": float(rng.uniform(0.3 + n / 10, 0.9)) for n in CLICKS},
            "attributes": {attribute: value},
        }
        for place, (attribute, value) in enumerate(of)
        for number in range(3 if value == "green" else 20)
    ]
    experiment = Fairness()
    metrics = dict(experiment.metrics(rows))
    return result("fairness", "people", experiment.options(), metrics, rows)


def representation() -> Result:
    """Three groups."""
    metrics = {"images/placed": 90.0, "images/unplaced": 10.0}
    for group, share in (("Africa", 0.1), ("Europe", 0.9), ("low income", 0.05)):
        metrics |= {f"images/{group}": 90 * share, f"share/{group}": share}
        metrics |= {f"countries/{group}": 3.0, f"listed/{group}": 54.0}
        metrics |= {f"by_population/{group}": 0.5}
    return replace(result("representation", "places.csv", {}, metrics), model="none")


def all_results() -> list[Result]:
    """One of each experiment at least."""
    return [
        points("coins"), points("leaves"), points("ppdls"), clicks("coins"), clicks("films"),
        edges(), edges("canny"), proposals(), boxes(), fairness(), representation(),
    ]  # fmt: skip
