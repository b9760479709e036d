"""What is marked in the first frame, followed through all later ones: J on four DAVIS sequences.

    .venv/bin/python benchmarks/video.py DATA [--keep FOLDER] [--every N] [--write]

DATA holds ``davis4``. The mask of the first frame is given; J is the IoU of each later frame,
averaged over a sequence. Then somebody spends two clicks on the worst frame of each sequence,
each on the deepest point of the larger error, and the sequence is followed once more with that
frame known as well; J is then that of the other frames and of the clicks' own answer. ``--every``
takes each N-th frame only, between which things move further. ``--keep`` remembers features.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anymask.core.embedding import ImageEmbedding
from anymask.core.image import read_image, read_mask
from anymask.core.in_context.example import Example
from anymask.core.in_context.features import FeatureMap
from anymask.core.in_context.palette import Pixels
from anymask.core.interaction import best_click
from anymask.core.prompts import Prompts
from anymask.core.rough import rough_prompts
from anymask.predict.in_context.following import Follower
from anymask.predict.in_context.like import LikePredictor, Seen

from machine import describe

Mask = npt.NDArray[np.bool_]

HERE = Path(__file__).resolve().parent
CLICKS = 2
WANTED, WANTED_EACH, WANTED_CLICKED = 0.75, 0.55, 0.85


class KeptPredictor(LikePredictor):
    """A predictor that also keeps in files what it knows of frames."""

    folder: Path | None = None

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.names: dict[int, str] = {}

    def see(self, pixels: Pixels, embedding: ImageEmbedding | None = None) -> Seen:
        """From its file, or computed and written."""
        name = self.names.get(id(pixels))
        if self.folder is None or name is None:
            return super().see(pixels, embedding)
        path = self.folder / f"{name}.npz"
        if not path.exists():
            seen = super().see(pixels, embedding)
            packed = np.frombuffer(seen.embedding.to_bytes(), np.uint8)
            np.savez(path, embedding=packed, grid=seen.features[0].grid.astype("f2"))
            return seen

        def read() -> Seen:
            held = np.load(path)
            embedded = ImageEmbedding.from_bytes(held["embedding"].tobytes())
            grid = held["grid"].astype(np.float32)
            return Seen(embedded, (FeatureMap.of_features(grid, embedded.image_hw),))

        return self._seen.get(pixels, read)


def iou(one: Mask, other: Mask) -> float:
    """Intersection over union; 1 where both are empty, as DAVIS has it."""
    together = int((one | other).sum())
    return float((one & other).sum() / together) if together else 1.0


def clicked(predictor: LikePredictor, pixels: Pixels, answer: Mask, truth: Mask) -> Mask:
    """The frame's mask after two clicks on the answer's errors."""
    embedding = predictor.see(pixels).embedding
    start = answer if answer.any() else None
    prompts: Prompts | None = None
    if start is not None:
        prompts = rough_prompts(start[None], embedding.resize_map)
    for _ in range(CLICKS):
        xy, label = best_click(truth, answer if answer.any() else None)
        more = Prompts.point(*xy, label)
        prompts = more if prompts is None else prompts.with_points(more.points, more.labels)
        masks = predictor.sam.predict(embedding, prompts, False)
        answer = masks.to_bool()[0, 0]
        prompts = prompts.with_masks(masks.logits[:, 0])
        if (answer == truth).all():
            break
    return answer


def follow(
    predictor: LikePredictor, frames: Sequence[Pixels], first: Mask, also: Sequence[Example] = ()
) -> list[Mask]:
    """The masks of all frames after the first."""
    answers = Follower(predictor).follow(frames, first.astype(np.int32), also)
    return [answer.mask() for answer in answers]


def sequence(
    predictor: KeptPredictor, data: Path, name: str, every: int
) -> tuple[int, list[float], list[float], float]:
    """Frames followed, their J, their J after clicks on the worst, CPU seconds a frame."""
    paths = sorted((data / "JPEGImages" / "480p" / name).glob("*.jpg"))[::every]
    frames = [read_image(path) for path in paths]
    truths = [
        read_mask(data / "Annotations" / "480p" / name / f"{path.stem}.png") for path in paths
    ]
    predictor.names.clear()  # arrays of the sequence before are gone, and their numbers given anew
    for path, pixels in zip(paths, frames):
        predictor.names[id(pixels)] = f"{name}-{path.stem}"
    start = time.process_time()
    masks = follow(predictor, frames, truths[0])
    seconds = (time.process_time() - start) / len(masks)
    before = [iou(mask, truth) for mask, truth in zip(masks, truths[1:])]
    worst = int(np.argmin(before))
    known = clicked(predictor, frames[1 + worst], masks[worst], truths[1 + worst])
    example = Example.of_mask(frames[1 + worst], known)
    again = follow(predictor, frames, truths[0], [example])
    again[worst] = known
    return len(masks), before, [iou(mask, truth) for mask, truth in zip(again, truths[1:])], seconds


def table(predictor: KeptPredictor, data: Path, every: int) -> str:
    """Markdown."""
    rows = [
        "| sequence | frames | J | worst frame | J with two clicks on it | worst then | CPU s |",
        "|---" * 7 + "|",
    ]
    means: list[tuple[float, float]] = []
    for name in sorted(path.name for path in (data / "JPEGImages" / "480p").iterdir()):
        count, before, after, seconds = sequence(predictor, data, name, every)
        means.append((float(np.mean(before)), float(np.mean(after))))
        rows.append(
            f"| {name} | {count} | {means[-1][0]:.3f} | {min(before):.2f} | {means[-1][1]:.3f} | "
            f"{min(after):.2f} | {seconds:.2f} |"
        )
    first, then = np.mean(means, axis=0)
    rows.append(
        f"| **mean** (wanted ≥ {WANTED}, each ≥ {WANTED_EACH}, clicked ≥ {WANTED_CLICKED}) | | "
        f"**{first:.3f}** | | **{then:.3f}** | | |"
    )
    frames = "all frames" if every == 1 else f"every frame of {every}"
    return f"{frames}, answered by {predictor.answered_by}\n\n" + "\n".join(rows)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    predictor = KeptPredictor.load(offline=True)
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        predictor.folder = arguments.keep
    text = f"{describe(1)}\n\n{table(predictor, arguments.data / 'davis4', arguments.every)}\n"
    print(text)
    if arguments.write:
        day = time.strftime("%Y-%m-%d")
        head = f"# Following, {day}\n\n`benchmarks/video.py DATA`"
        (HERE / "results" / f"{day}-video.md").write_text(f"{head}\n\n{text}")


if __name__ == "__main__":
    main()
