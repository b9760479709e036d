"""The names of the official package over anymask, for code that already uses them.

    from anymask.compat import SamPredictor, sam_model_registry

    sam = sam_model_registry["vit_t"]().to(device="cpu")
    predictor = SamPredictor(sam)
    predictor.set_image(image)
    masks, scores, logits = predictor.predict(np.array([[500, 375]]), np.array([1]))

Names, paths, signatures and shapes are those of ``segment_anything``: what imports from
``segment_anything.utils.transforms`` finds the same in ``anymask.compat.utils.transforms``. What
differs:

* A point labelled -1 is left out instead of being attended to as "not a point", so that prompts
  can be padded to one length.
* What the official code would misread is refused: points and boxes outside the image, several
  boxes to ``predict``, labels that mean nothing, masks that are no logits.
* Models answer; they do not learn here (``anymask train`` does).
"""

from __future__ import annotations

from anymask.compat.automatic_mask_generator import (
    SamAutomaticMaskGenerator as SamAutomaticMaskGenerator,
)
from anymask.compat.build_sam import build_sam as build_sam
from anymask.compat.build_sam import build_sam_vit_b as build_sam_vit_b
from anymask.compat.build_sam import build_sam_vit_h as build_sam_vit_h
from anymask.compat.build_sam import build_sam_vit_l as build_sam_vit_l
from anymask.compat.build_sam import build_sam_vit_t as build_sam_vit_t
from anymask.compat.build_sam import sam_model_registry as sam_model_registry
from anymask.compat.modeling.sam import Sam as Sam
from anymask.compat.predictor import SamPredictor as SamPredictor
from anymask.compat.utils.transforms import ResizeLongestSide as ResizeLongestSide
