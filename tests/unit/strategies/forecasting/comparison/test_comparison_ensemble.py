import numpy as np

from strategies.forecasting.comparison.ensemble import stack_weights


def sample(length: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    logits = random.normal(0.0, 1.0, length)
    return logits, random.random(length) < 1.0 / (1.0 + np.exp(-logits))


def test_who_knows_is_weighed_more_than_who_guesses_and_nobody_less_than_nothing() -> None:
    knowing, ups = sample(4_000)
    guessing = np.random.default_rng(4).normal(0.0, 1.0, 4_000)
    weights = stack_weights(np.stack([knowing, guessing, -knowing], axis=1), ups)

    assert weights[0] > 0.8
    assert weights[1] < 0.1
    assert weights[2] == 0.0


def test_twins_share_their_weight() -> None:
    knowing, ups = sample(1_000)
    weights = stack_weights(np.stack([knowing, knowing], axis=1), ups)

    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-4)
    assert 0.6 < weights.sum() < 1.3


def test_little_evidence_leaves_equal_weights() -> None:
    knowing, ups = sample(20)
    guessing = np.random.default_rng(4).normal(0.0, 1.0, 20)

    np.testing.assert_allclose(stack_weights(np.stack([knowing, guessing], axis=1), ups), 0.5, atol=0.1)
