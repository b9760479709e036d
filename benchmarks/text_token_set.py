"""What ``text_token.py`` learns from: half of coco446 without some categories, and its crops."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import words
from pycocotools.coco import COCO

from anymask.core.image import RGB
from anymask.core.in_context.features import FeatureMap
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.predict.in_context.semantic import DinoEncoder
from anymask.predict.words.sentence_space import SentenceSpace
from anymask.training.families import find_recipe
from anymask.training.frozen.crops import CropEmbeddings
from anymask.training.sam.recipe import SamRecipe


@dataclass(frozen=True)
class Question:
    """Where things are. keep: what may be used again. split: as of ``words.py``, its first half."""

    data: Path
    keep: Path
    coco: COCO
    split: words.Split

    @classmethod
    def of(cls, data: Path, keep: Path) -> Question:
        keep.mkdir(parents=True, exist_ok=True)
        coco = COCO(data / "coco446" / "instances.json")
        return cls(data, keep, coco, next(words.halves(coco, words.SEED)))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the categories, in the order of their numbers."""
        return tuple(self.coco.cats[one]["name"] for one in sorted(self.coco.cats))

    def adapter(self) -> Path:
        """Names of things, learned from the same half."""
        path = self.keep / "adapter.npz"
        if not path.exists():
            kept = self.keep / "objects"
            kept.mkdir(exist_ok=True)
            objects = words.read_objects(self.coco, self.data / "coco446", kept)
            words.learn(objects, self.names, self.split).write(path)
        return path

    def learning(self) -> Path:
        """The half as a COCO folder, without the categories that are left out."""
        out = self.keep / "learning"
        if not (out / "instances.json").exists():
            out.mkdir()
            (out / "images").symlink_to((self.data / "coco446" / "images").resolve())
            content = json.loads((self.data / "coco446" / "instances.json").read_text())
            numbers = sorted(self.coco.cats)
            left_out = {numbers[one] for one in self.split.left_out}
            images = [one for one in content["images"] if one["id"] in self.split.learned]
            objects = [
                one
                for one in content["annotations"]
                if one["image_id"] in self.split.learned and one["category_id"] not in left_out
            ]
            part = {**content, "images": images, "annotations": objects}
            (out / "instances.json").write_text(json.dumps(part))
        return out

    def embed_crops(self) -> None:
        """What the training would embed, with what is kept of the images' patches."""
        recipe = find_recipe("text_prompts")
        assert isinstance(recipe, SamRecipe)
        semantic = KeptFeatures(self.keep / "semantic")
        encoder = SentenceSpace.load(self.adapter(), semantic=semantic)
        views, least_px = recipe.crop_views, recipe.least_mask_px
        crops = CropEmbeddings(encoder, views, least_px, self.keep / "embeddings")
        for part in open_dataset(str(self.learning())).parts:
            for sample in part.read():
                if isinstance(sample, Sample):
                    crops.of(sample)
        print(f"{crops.computed} images' crops embedded", flush=True)


class KeptFeatures:
    """DINOv2's features in files, by the pixels' hash."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._encoder: DinoEncoder | None = None

    def features(self, pixels: RGB) -> FeatureMap:
        path = self.folder / f"{hashlib.sha256(pixels.tobytes()).hexdigest()[:32]}.npy"
        if not path.exists():
            self._encoder = self._encoder or DinoEncoder.load()
            np.save(path, self._encoder.features(pixels).grid.astype(np.float16))
        image_hw = pixels.shape[0], pixels.shape[1]
        return FeatureMap.of_features(np.load(path).astype(np.float32), image_hw)
