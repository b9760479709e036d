"""The data engine's loop on real photographs, end to end, by simulated annotators (§4).

    .venv/bin/python benchmarks/engine_loop.py DATA WORK [--step NAME] [--write]

A quarter of COCO's photographs, by the hash of their names, is held out: nobody annotates it, and
each model is looked at on it. The rest is the pool, in three parts:

* stage 1: simulated annotators draw in the first part, with the default weights;
* `engine retrain` and `engine detector` learn from that;
* stage 2: `engine prefill` suggests in the second part, and the annotators do the rest;
* `engine retrain` again, now from both;
* stage 3: `engine automatic` finds everything in the third part.

The control is the second part with the default weights and without suggestions. Seconds are those
of the cost model (`anymask/engine/simulation/annotator.py`), not of a clock.

DATA: a folder with coco446/, as the README of the project's development data names it. WORK: a
folder that is made; a step that is there is not done again, so that the script can be ended at any
moment. The command's own settings hold: ANYMASK_CACHE, ANYMASK_OFFLINE, OMP_NUM_THREADS.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engine_loop_looks import looked

from machine import describe
from pages import show

HERE = Path(__file__).resolve().parent
HELD_OUT = 4  # one in so many
PARTS = 3
ANNOTATORS = 2
EVERYTHING = 20  # held-out photographs that everything-mode is looked at in
JSON = dict[str, Any]


@dataclass(frozen=True)
class Loop:
    """Where it runs. pool: names of the three parts. truth: COCO's file."""

    data: Path
    work: Path
    pool: tuple[tuple[str, ...], ...]
    held_out: tuple[str, ...]

    @property
    def truth(self) -> Path:
        """All objects."""
        return self.data / "coco446" / "instances.json"

    @property
    def project(self) -> Path:
        """The folder that the engine works on."""
        return self.work / "project"

    def place(self, folder: Path, names: Sequence[str]) -> None:
        """Copy photographs into a folder: a store follows no links out of it."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            if not (folder / name).exists():
                shutil.copy(self.data / "coco446" / "images" / name, folder / name)

    def once(self, name: str, work: Callable[[], JSON]) -> JSON:
        """What a step gave, whether it is done now or was before."""
        path = self.work / f"{name}.json"
        if not path.exists():
            start, cpu = time.time(), sum(os.times()[:4])  # its own, and its commands'
            gave = work()
            gave["minutes"] = (time.time() - start) / 60
            gave["cpu_minutes"] = (sum(os.times()[:4]) - cpu) / 60
            path.write_text(json.dumps(gave, indent=2))
            print(name, json.dumps(gave), flush=True)
        found: JSON = json.loads(path.read_text())
        return found


def split(data: Path, work: Path) -> Loop:
    """The photographs that COCO's file says something of, told apart by their names alone."""
    truth = json.loads((data / "coco446" / "instances.json").read_text())
    said = {one["image_id"] for one in truth["annotations"]}
    names = [one["file_name"] for one in truth["images"] if one["id"] in said]
    hashes = {name: int(hashlib.sha256(name.encode()).hexdigest(), 16) for name in names}
    pool = [name for name in names if hashes[name] % HELD_OUT]
    in_order = sorted(pool, key=lambda name: hashes[name])
    parts = tuple(tuple(sorted(in_order[i::PARTS])) for i in range(PARTS))
    held_out = tuple(sorted(set(names) - set(pool)))
    loop = Loop(data, work, parts, held_out)
    folder = work / "held_out"
    if not folder.exists():
        loop.place(folder / "images", held_out)
        kept = {one["id"] for one in truth["images"] if one["file_name"] in set(held_out)}
        truth["images"] = [one for one in truth["images"] if one["id"] in kept]
        truth["annotations"] = [one for one in truth["annotations"] if one["image_id"] in kept]
        (folder / "instances.json").write_text(json.dumps(truth))
    return loop


def command(*words: object) -> str:
    """What a command prints."""
    line = [sys.executable, "-m", "anymask", *map(str, words)]
    done = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def simulated(loop: Loop, folder: Path, until: int, *options: object) -> JSON:
    """What simulated annotators did until so many photographs of a folder were done."""
    truth = ("--truth", loop.truth, "--annotators", ANNOTATORS, "--until", until)
    found: JSON = json.loads(command("engine", "simulate", folder, *truth, *options, "--json"))
    return found


def stage_1(loop: Loop) -> JSON:
    """Assisted manual: the first part, with the default weights."""
    loop.place(loop.project, loop.pool[0])
    return simulated(loop, loop.project, len(loop.pool[0]))


def control(loop: Loop) -> JSON:
    """The second part as the first, in a project of its own."""
    folder = loop.work / "control"
    loop.place(folder, loop.pool[1])
    return simulated(loop, folder, len(loop.pool[1]))


def retrain(loop: Loop) -> JSON:
    """The model learns from all that is done; whether it is used, is the command's to say."""
    found: JSON = json.loads(command("engine", "retrain", loop.project, "--json"))
    return found


def detector(loop: Loop) -> JSON:
    """The detector learns."""
    found: JSON = json.loads(command("engine", "detector", loop.project, "--json"))
    return found


def stage_2(loop: Loop) -> JSON:
    """Semi-automatic: the second part, with suggestions, where they save time."""
    loop.place(loop.project, loop.pool[1])
    enter(loop, "semi-automatic")
    scan(loop, loop.project)
    if json.loads((loop.work / "detector.json").read_text())["state"] == "promoted":
        command("engine", "prefill", loop.project)
    return simulated(loop, loop.project, len(loop.pool[0]) + len(loop.pool[1]))


def stage_3(loop: Loop) -> JSON:
    """Fully automatic: the third part, everything that the model finds."""
    loop.place(loop.project, loop.pool[2])
    enter(loop, "fully-automatic")
    scan(loop, loop.project)
    found: JSON = json.loads(command("engine", "automatic", loop.project, "--fast", "--json"))
    return found


def retrain_on_all(loop: Loop) -> JSON:
    """Fig. 13: all three stages, the masks of people ten times as likely."""
    return retrain(loop)


def chosen(loop: Loop, by: str) -> JSON:
    """A third of the pool in the order that a choice gives, and a training from that alone."""
    folder = loop.work / f"choice-{by}"
    names = [name for part in loop.pool for name in part]
    loop.place(folder, names)
    scan(loop, folder)
    command("engine", "choose", folder, "--by", by)
    work = simulated(loop, folder, len(loop.pool[0]))
    made = json.loads(command("engine", "retrain", folder, "--json"))
    return {"work": work, "model": made, "look": look(loop, checkpoint(folder, made), 0)}


def enter(loop: Loop, stage: str) -> None:
    """Go on to a stage: the rules are for projects larger than this."""
    reason = ("--force", "--reason", "the loop of the benchmark")
    command("engine", "stage", loop.project, "--enter", stage, *reason)


def scan(loop: Loop, folder: Path) -> None:
    """Have a project's store hear of photographs that came: whoever starts a server does."""
    simulated(loop, folder, 0)


def look(loop: Loop, weights: str, everything: int = EVERYTHING) -> JSON:
    """What a model is worth on what is held out, and in so many of its photographs everything."""
    return looked(weights, loop.work / "held_out", loop.work / "embeddings", everything)


def checkpoint(folder: Path, made: JSON) -> str:
    """What a retraining of a project made, whether it is used or not."""
    return str(folder / ".anymask" / "models" / made["path"])


def model_of(loop: Loop, step: str) -> str:
    """The checkpoint of a step."""
    return checkpoint(loop.project, json.loads((loop.work / f"{step}.json").read_text()))


STEPS: dict[str, Callable[[Loop], JSON]] = {
    "stage-1": stage_1,
    "control": control,
    "look-0": lambda loop: look(loop, "mobile-sam"),
    "retrain-1": retrain,
    "look-1": lambda loop: look(loop, model_of(loop, "retrain-1")),
    "detector": detector,
    "stage-2": stage_2,
    "retrain-2": retrain,
    "look-2": lambda loop: look(loop, model_of(loop, "retrain-2")),
    "stage-3": stage_3,
    "retrain-3": retrain_on_all,
    "look-3": lambda loop: look(loop, model_of(loop, "retrain-3")),
    "choice-random": lambda loop: chosen(loop, "random"),
    "choice-uncertain": lambda loop: chosen(loop, "uncertain"),
    "choice-unlike": lambda loop: chosen(loop, "unlike"),
}


def report(loop: Loop) -> str:
    """What is there so far, as tables."""
    there = {
        name: json.loads((loop.work / f"{name}.json").read_text())
        for name in STEPS
        if (loop.work / f"{name}.json").exists()
    }
    head = (
        "| | images | masks | masks an image | s a mask | accepted | corrected | rejected "
        "| objects left | mean IoU | minutes of processor |"
    )
    lines = [head, "|" + " --- |" * 11]
    for name in ("stage-1", "control", "stage-2"):
        if (one := there.get(name)) is not None:
            lines.append(
                f"| {name} | {one['images']} | {one['masks']} | {one['masks_per_image']:.2f} "
                f"| {one['seconds_per_mask']:.1f} | {one['accepted']} "
                f"| {one.get('corrected', 0)} | {one['rejected']} "
                f"| {one['left']} | {one['mean_iou']:.3f} | {one['cpu_minutes']:.1f} |"
            )
    lines += ["", "| model | 1-click mIoU | best of three | everything found | masks |"]
    lines.append("|" + " --- |" * 5)
    looks = {name: there[name] for name in STEPS if name.startswith("look-") and name in there}
    looks |= {n: one["look"] for n, one in there.items() if n.startswith("choice-")}
    for name, one in looks.items():
        lines.append(
            f"| {name} | {100 * one['miou_1']:.1f} | {100 * one['oracle_1']:.1f} "
            f"| {one['found']} of {one['objects']} | {one['masks']} |"
            if one["objects"]
            else f"| {name} | {100 * one['miou_1']:.1f} | {100 * one['oracle_1']:.1f} | – | – |"
        )
    lines += ["", "| command | minutes of processor | what came of it |", "|" + " --- |" * 3]
    for name in ("retrain-1", "detector", "retrain-2", "stage-3", "retrain-3"):
        if (one := there.get(name)) is not None:
            came = one.get("state") or f"{one['added']} masks"
            lines.append(f"| {name} | {one['cpu_minutes']:.1f} | {came} |")
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--step", choices=STEPS, action="append")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    loop = split(arguments.data, arguments.work)
    for name in arguments.step or STEPS:
        loop.once(name, partial(STEPS[name], loop))
    tables = report(loop)
    print(tables)
    if arguments.write:
        threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
        text = f"# The data engine's loop\n\n{describe(threads)}\n\n{tables}\n"
        (HERE / "results" / f"{time.strftime('%Y-%m-%d')}-engine-loop.md").write_text(text)
        show(HERE.parent / "docs" / "engine.md", "engine-loop", tables)


if __name__ == "__main__":
    main()
