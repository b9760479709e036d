"""CLIP and SigLIP as text encoders, on tiny random ones in the layout of their folders."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anymask.core.words.crops import CropView
from anymask.core.words.objects import ShownObject
from anymask.errors import LayoutError, MissingExtraError, UnknownWeightsError
from anymask.predict.words.known_encoders import load_text_encoder, text_config
from anymask.predict.words.text_encoder import TextEncoder, embed_crops
from tests.predict.words.tiny_clip import (
    LONGEST,
    SIDE,
    WIDTH,
    write_clip,
    write_siglip,
    write_tokenizer,
)

pytest.importorskip("transformers")
pytestmark = pytest.mark.slow  # the library takes seconds to import
WRITERS = {"clip": write_clip, "siglip": write_siglip}
PIXELS = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
STRANGE = [
    "dog",
    "  a  DOG ",
    "собака",
    "كلب",
    "🐕" * 9,
    "dgo",
    "dogs",
    "dog " * 10_000,
    "x" * 9999,
]


@pytest.fixture(params=["clip", "siglip"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return WRITERS[request.param](tmp_path / request.param)


def masks() -> list[np.typing.NDArray[np.bool_]]:
    y, x = np.mgrid[:60, :80]
    return [np.hypot(x - 30, y - 30) < 12, np.hypot(x - 60, y - 20) < 15]


def test_pictures_and_words_have_the_models_embeddings(folder: Path) -> None:
    encoder = load_text_encoder(str(folder))
    assert encoder.config == text_config(str(folder))
    assert (encoder.config.width, encoder.side_px, encoder.semantic) == (WIDTH, SIDE, None)
    crops = embed_crops(encoder, PIXELS, masks(), [[CropView(1.0), CropView(2.0, 1.0)]] * 2)
    assert crops.shape == (2, 2, WIDTH)
    np.testing.assert_allclose(np.linalg.norm(crops, axis=-1), 1, atol=1e-5)
    shown = ShownObject.of_mask(PIXELS, masks()[1], None, CropView(2.0, 1.0), SIDE)
    np.testing.assert_allclose(crops[1, 1], _directly(folder, shown.pixels), atol=1e-5)
    words = encoder.embed_words(["dog", "a dog", "cat"])
    np.testing.assert_allclose(words[0], words[1], atol=1e-6)
    assert np.abs(words[0] - words[2]).max() > 1e-3
    np.testing.assert_allclose(words[0], _words_directly(folder, "a photo of a dog"), atol=1e-5)


def _directly(folder: Path, pixels: np.typing.NDArray[np.uint8]) -> Any:
    """By the library's own model, and the published mean and deviation."""
    import transformers

    model = transformers.AutoModel.from_pretrained(folder).eval()
    if model.config.model_type == "clip":
        mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    else:
        mean, std = [0.5] * 3, [0.5] * 3
    image = (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255).sub(
        torch.tensor(mean).view(3, 1, 1)
    ) / torch.tensor(std).view(3, 1, 1)
    with torch.no_grad():
        seen = model.vision_model(pixel_values=image).pooler_output
        if model.config.model_type == "clip":
            seen = model.visual_projection(seen)
    return (seen / seen.norm())[0].numpy()


def _words_directly(folder: Path, sentence: str) -> Any:
    import transformers

    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    clip = model.config.model_type == "clip"
    padding = {} if clip else {"padding": "max_length"}
    told = tokenizer(
        [sentence], truncation=True, max_length=LONGEST, return_tensors="pt", **padding
    )
    with torch.no_grad():
        said = model.text_model(input_ids=told["input_ids"]).pooler_output
        if clip:
            said = model.text_projection(said)
    return (said / said.norm())[0].numpy()


def test_what_is_in_a_batch_does_not_matter_and_strange_words_are_words(folder: Path) -> None:
    encoder = load_text_encoder(str(folder))
    together = encoder.embed_words(STRANGE)
    assert together.shape == (len(STRANGE), WIDTH)
    assert np.isfinite(together).all()
    for word, row in zip(STRANGE, together):
        np.testing.assert_allclose(encoder.embed_words([word])[0], row, atol=1e-5)
    assert encoder.embed_images([]).shape == (0, WIDTH)


def test_the_space_is_of_the_weights_wherever_they_lie(folder: Path, tmp_path: Path) -> None:
    space = text_config(str(folder)).space
    assert text_config(str(shutil.copytree(folder, tmp_path / "copy"))).space == space
    other = WRITERS[folder.name](tmp_path / "other", seed=1)
    assert text_config(str(other)).space != space


def test_a_processor_says_how_pixels_are_normalised(folder: Path) -> None:
    before = _crop(load_text_encoder(str(folder)))
    about = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.6, 0.7]}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    assert np.abs(_crop(load_text_encoder(str(folder))) - before).max() > 1e-4


def _crop(encoder: TextEncoder) -> Any:
    return embed_crops(encoder, PIXELS, masks()[:1], [[CropView()]])


def test_a_wrong_folder_is_named(tmp_path: Path, folder: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(LayoutError, match=r"config\.json"):
        load_text_encoder(str(empty))
    (empty / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(LayoutError, match="is no CLIP and no SigLIP of transformers, but 'bert'"):
        load_text_encoder(str(empty))
    with pytest.raises(UnknownWeightsError, match="no text encoder 'nowhere'"):
        load_text_encoder("nowhere")
    weights = folder / "model.safetensors"
    weights.rename(folder / "elsewhere")
    with pytest.raises(LayoutError, match=r"holds no model\*\.safetensors"):
        load_text_encoder(str(folder))
    weights.write_bytes((folder / "elsewhere").read_bytes()[:300])
    with pytest.raises(LayoutError, match="transformers can't load"):
        load_text_encoder(str(folder))


def test_a_wrong_tokenizer_is_named(folder: Path) -> None:
    write_tokenizer(folder, folder.name, more=9)
    with pytest.raises(LayoutError, match="another model's: it has 529 tokens, and the model"):
        load_text_encoder(str(folder))
    for name in ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(LayoutError, match="holds no tokenizer"):
        load_text_encoder(str(folder))


def test_without_transformers_the_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("anymask.predict.transformers_folder", "anymask.predict.words.clip"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'anymask\[clip\]'"):
        load_text_encoder(str(folder))
