import sys
from pathlib import Path

import numpy as np
import pytest

from anymask.errors import CorruptFileError, MissingExtraError
from anymask.predict.words.sentences import ROW, SentenceEncoder
from anymask.weights.fetch import cache_path
from anymask.weights.registry import find

needs_weights = pytest.mark.skipif(
    not all(cache_path(file).exists() for file in find(ROW).files), reason="no MiniLM in the cache"
)


@needs_weights
@pytest.mark.weights
def test_words_of_a_kind_are_near_and_any_text_has_an_embedding() -> None:
    encoder = SentenceEncoder.load(offline=True)
    couch, sofa, car = encoder.embed(["couch", "sofa", "car"])
    assert couch @ sofa > 0.7 > 0.5 > couch @ car
    odd = encoder.embed(["", "🐕", "כלב קטן", "a dgo", "dogs", "word " * 10_000])
    assert np.isfinite(odd).all()
    np.testing.assert_allclose(np.linalg.norm(odd, axis=1), 1, atol=1e-5)
    again = encoder.embed(["car", "couch"])
    np.testing.assert_array_equal(again, [car, couch])


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CorruptFileError, match="no tokenizer"):
        SentenceEncoder(tmp_path / "model.onnx", tmp_path / "tokenizer.json")


def test_a_tokenizer_of_another_model_is_named(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.models.WordLevel({"dog": 0, "[CLS]": 1, "[SEP]": 2}, unk_token="dog")
    tokenizers.Tokenizer(words).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(CorruptFileError, match="another model's tokenizer, none of minilm"):
        SentenceEncoder(tmp_path / "model.onnx", tmp_path / "tokenizer.json")


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match=r"anymask\[text\]"):
        SentenceEncoder(tmp_path, tmp_path)
