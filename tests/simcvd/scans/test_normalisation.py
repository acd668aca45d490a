import numpy as np
import pytest

from simcvd.errors import UserError
from simcvd.scans.normalisation import Channel, Normalisation, refuse_unnormalised

IMAGE = np.random.default_rng(0).normal(40, 20, (2, 6, 7, 8))


def test_z_score_is_over_each_channel() -> None:
    out, means, stds = Normalisation().apply(IMAGE)
    for channel in range(2):
        expected = (IMAGE[channel] - IMAGE[channel].mean()) / IMAGE[channel].std()
        np.testing.assert_allclose(out[channel], expected, atol=1e-6)
        assert (means[channel], stds[channel]) == pytest.approx((IMAGE[channel].mean(), IMAGE[channel].std()))


def test_a_kept_box_has_the_mean_and_deviation_of_its_whole_scan() -> None:
    whole, box = Normalisation(kind="z_score_scan"), IMAGE[:, 2:5, 1:]
    out, means, stds = whole.apply(box, IMAGE)
    np.testing.assert_array_equal(out, whole.apply(IMAGE)[0][:, 2:5, 1:])
    np.testing.assert_array_equal(whole.apply(IMAGE)[0], Normalisation().apply(IMAGE)[0])
    assert (means[1], stds[1]) == pytest.approx((IMAGE[1].mean(), IMAGE[1].std()))
    np.testing.assert_array_equal(Normalisation().apply(box, IMAGE)[0], Normalisation().apply(box)[0])


def test_zeros_stay_zero_and_do_not_count() -> None:
    image = IMAGE.copy()
    image[:, :3] = 0
    out, _, _ = Normalisation(kind="z_score_nonzero").apply(image)
    assert not out[:, :3].any()
    assert out[0, 3:].mean() == pytest.approx(0, abs=1e-6)
    assert out[0, 3:].std() == pytest.approx(1, abs=1e-6)


def test_a_window_is_clipped_and_then_z_scored() -> None:
    window = Normalisation(kind="window", channels=(Channel(lower=20, upper=60),) * 2)
    out, _, _ = window.apply(IMAGE)
    clipped = np.clip(IMAGE[1], 20, 60)
    np.testing.assert_allclose(out[1], (clipped - clipped.mean()) / clipped.std(), atol=1e-6)


def test_percentiles_use_the_same_numbers_for_every_scan() -> None:
    numbers = (Channel(lower=10, upper=70, mean=42, std=12), Channel(lower=0, upper=50, mean=30, std=9))
    out, means, stds = Normalisation(kind="percentiles", channels=numbers).apply(IMAGE)
    np.testing.assert_allclose(out[1], (np.clip(IMAGE[1], 0, 50) - 30) / 9, atol=1e-6)
    assert (means, stds) == ([42, 30], [12, 9])


def test_numbers_must_fit_the_channels_and_contrast_must_be_there() -> None:
    with pytest.raises(UserError, match="has 2 channels, expected 1"):
        Normalisation(kind="window", channels=(Channel(lower=0, upper=1),)).apply(IMAGE)
    with pytest.raises(UserError, match="channel 0 of the image is constant"):
        Normalisation(kind="window", channels=(Channel(lower=-999, upper=-998),) * 2).apply(IMAGE)


def test_a_raw_scan_does_not_pass_for_normalised() -> None:
    refuse_unnormalised(Normalisation().apply(IMAGE)[0])
    with pytest.raises(UserError, match="must be normalised"):
        refuse_unnormalised(IMAGE)
