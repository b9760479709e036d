import numpy as np

from anymask.core.words.comparison import by_cosine


def test_what_points_the_same_way_is_alike_whatever_its_length() -> None:
    images, words = np.array([[2.0, 0], [0, 3], [1, 1]]), np.array([[5.0, 0]])
    comparison = by_cosine(0.2)
    likeness = comparison.likeness(images.astype(np.float32), words.astype(np.float32))
    np.testing.assert_allclose(likeness, [[1], [0], [0.5**0.5]], atol=1e-6)
    np.testing.assert_allclose(comparison.least(words.astype(np.float32)), [0.2])
