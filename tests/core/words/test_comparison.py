import numpy as np

from anymask.core.words.comparison import by_cosine
from anymask.core.words.wholes import Weighing


def test_what_points_the_same_way_is_alike_whatever_its_length() -> None:
    images, words = np.array([[2.0, 0], [0, 3], [1, 1]]), np.array([[5.0, 0]])
    weighing = Weighing((1.0,), 0.0, 0.2)
    comparison = by_cosine(weighing)
    likeness = comparison.likeness(images.astype(np.float32), words.astype(np.float32))
    np.testing.assert_allclose(likeness, [[1], [0], [0.5**0.5]], atol=1e-6)
    assert comparison.weighing(words[0].astype(np.float32)) == weighing
