from __future__ import annotations

import numpy as np

from dualhead.data.recipes.draft import Draft
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import KINECT20

SEQUENCE = SkeletonSequence(np.random.default_rng(0).normal(size=(2, 6, 20, 3)).astype(np.float32), KINECT20)


def test_frames_are_taken_and_mixed_alike_before_and_after_the_layout() -> None:
    for laid_out in (False, True):  # an index is noted before the layout, and taken after it
        draft = Draft(SEQUENCE, [0, 1], trace=True)
        draft.centre(np.array([1, 2, 3], np.float32))
        if laid_out:
            draft.clip = draft.clip
        draft.take(np.array([5, 3, 1]))
        draft.take(slice(1, None))
        assert draft.index is not None
        assert draft.index.tolist() == [3, 1] and draft.length == 2
        assert draft.filled().tolist() == [[True, True]] * 2
        expected = SEQUENCE.joints[:, 1] - np.array([1, 2, 3]) if laid_out else SEQUENCE.joints[:, 1]
        np.testing.assert_allclose(draft.frame(1), expected, atol=1e-6)
        draft.mix(np.array([0, 0]), np.array([1, 1]), np.array([0, 0.25], np.float32))
        assert draft.index.tolist() == [3, 2.5]
        a, b = (SEQUENCE.joints[:, row].transpose(2, 1, 0) - np.array([1, 2, 3])[:, None, None] for row in (3, 1))
        np.testing.assert_allclose(draft.clip, np.stack([a, a + 0.25 * (b - a)], axis=1), atol=1e-6)
        draft.reorder(np.array([1, 0]))
        assert draft.bodies == [1, 0]
        np.testing.assert_allclose(draft.recorded()[0], draft.clip[..., 0].transpose(1, 2, 0))


def test_a_stretch_of_a_selection_is_a_selection() -> None:
    draft = Draft(SEQUENCE, [0, 1])
    draft.take(slice(1, 5))
    draft.take(slice(1, 3))
    np.testing.assert_array_equal(draft.recorded(), SEQUENCE.joints[:, 2:4])
    np.testing.assert_array_equal(draft.frame(1), SEQUENCE.joints[:, 3])
    other = draft.copy()
    other.take(np.array([1]))
    assert (draft.length, other.length) == (2, 1)
    np.testing.assert_array_equal(other.clip[:, 0], SEQUENCE.joints[:, 3].transpose(2, 1, 0))
