"""Follower: what is marked in one frame of a film, found in all that come after it.

Labels are carried from patch to patch by semantic features; the SAM draws what they say in several
ways, and the drawing that fits them best is the answer.

Shape legend: H W pixels, h w patches, L labels and the background, N drawings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from anymask.core.geometry import Floats, mask_boxes
from anymask.core.in_context.coverage import expected_iou
from anymask.core.in_context.example import Example
from anymask.core.in_context.features import FeatureMap, at_full_size
from anymask.core.in_context.palette import LabelledPixels, Labels, Pixels
from anymask.core.prompts import Prompts
from anymask.core.rough import rough_prompts
from anymask.errors import PromptError
from anymask.predict.in_context.answer import FoundObject, InContextAnswer
from anymask.predict.in_context.like import LikePredictor, Seen
from anymask.predict.in_context.memory import RECENT, Memory

LIKELY = 0.5  # from here on a pixel is thought to be of a label
SMALLEST = 1e-4  # of the image: less is nothing
LEAST_SCORE = 0.2  # of expected IoU: below it the thing is hidden, or gone
OWN_WEIGHT = 0.3  # of what the SAM thinks of its drawing, beside how well it fits

Mask = npt.NDArray[np.bool_]


class Follower:
    """Follows labelled things through frames.

    Its memory (``Memory``): the first frame is always kept, and so are frames that somebody
    corrected, for they are known to be right, and what was in them may be anywhere by now; beside
    them the last ``RECENT`` frames as they were answered, of which a patch asks only what is near
    it. What is found must be likely by both. A frame in which nothing was found is not remembered:
    what comes back is found by the known ones.
    """

    def __init__(self, predictor: LikePredictor) -> None:
        self.predictor = predictor

    def follow(
        self,
        frames: Iterable[Pixels],
        first: Labels,
        also: Sequence[Example] = (),
        *,
        known: Sequence[InContextAnswer] = (),
    ) -> Iterator[InContextAnswer]:
        """The answer for each frame after the first, in order.

        frames: (H, W, 3) RGB; the first is the one that ``first`` labels (H, W), 0 is background.
        also: other frames of the film whose labels are known, such as corrected ones. known: the
        answers for the frames right after the first, where there are some from before: they are
        remembered, and not given again.

        Raises ``PromptError`` for no frames, and for labels of another size or none at all.
        """
        each = iter(frames)
        start = next(each, None)
        if start is None:
            raise PromptError("there are no frames to follow anything through")
        examples = [Example(start, first), *also]
        count = 1 + max(example.count for example in examples)
        known_frames = [(self._features(one.pixels), one.labels) for one in examples]
        memory = Memory(known_frames, count)
        shown = [number for number, answer in enumerate(known, 1) if answer.objects][-RECENT:]
        for number, pixels in enumerate(each, 1):
            if number <= len(known):
                if number in shown:  # the memory is as it was
                    labels = known[number - 1].labelled.labels
                    memory.remember(number, self._features(pixels), labels)
                continue
            seen = self.predictor.see(pixels)
            features = seen.features[0]
            chances = memory.chances(number, features)
            answer = self._drawn(seen, chances)
            if answer.objects:
                memory.remember(number, features, answer.labelled.labels)
            yield answer

    def _features(self, pixels: Pixels) -> FeatureMap:
        return self.predictor.see(pixels).features[0]

    def _drawn(self, seen: Seen, chances: Floats) -> InContextAnswer:
        """The labels of a frame of which patches have (h, w, L) chances."""
        hw = seen.embedding.image_hw
        found = []
        for label in range(1, chances.shape[2]):
            chance = at_full_size(np.ascontiguousarray(chances[..., label]), hw)
            mask, score = self._best(seen, chance)
            if score >= LEAST_SCORE:
                found.append(FoundObject(mask, label, score))
        found.sort(key=lambda one: -one.score)
        labels, confidence = np.zeros(hw, np.int32), np.zeros(hw, np.float32)
        for one in reversed(found):
            labels[one.mask], confidence[one.mask] = one.label, one.score
        labelled = LabelledPixels(labels, confidence)
        return InContextAnswer(labelled, tuple(found), self.predictor.answered_by)

    def _best(self, seen: Seen, chance: Floats) -> tuple[Mask, float]:
        """The SAM's drawing that fits (H, W) chances best, and its expected IoU with them."""
        likely = chance >= LIKELY
        if likely.mean() < SMALLEST:
            return likely, 0.0
        masks, own = self._drawings(seen, likely)
        fit = expected_iou(chance.reshape(-1), masks.reshape(len(masks), -1).astype(np.float32))
        best = int((fit + OWN_WEIGHT * own).argmax())
        return masks[best], float(fit[best])

    def _drawings(self, seen: Seen, likely: Mask) -> tuple[Mask, Floats]:
        """(N, H, W) what the SAM makes of a rough mask, and (N,) how well it thinks it did.

        The rough mask is among them, for where the SAM makes nothing of it.
        """
        rough = rough_prompts(likely[None], seen.embedding.resize_map)
        box = Prompts.of_boxes(mask_boxes(likely[None]))
        masks, own = [likely], [0.0]
        for prompts, several in ((rough, False), (rough, True), (box, True)):
            answers = self.predictor.sam.predict(seen.embedding, prompts, several)
            masks += list(answers.to_bool()[0])
            own += answers.predicted_iou[0].tolist()
        return np.array(masks), np.clip(np.array(own, np.float32), 0, 1)
