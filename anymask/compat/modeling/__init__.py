"""``segment_anything.modeling``: the model and its parts under their official names."""

from __future__ import annotations

from anymask.compat.modeling.image_encoder import ImageEncoder as ImageEncoder
from anymask.compat.modeling.mask_decoder import MaskDecoder as MaskDecoder
from anymask.compat.modeling.prompt_encoder import PromptEncoder as PromptEncoder
from anymask.compat.modeling.sam import Sam as Sam
