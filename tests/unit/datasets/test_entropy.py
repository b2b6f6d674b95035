"""Differential entropy against closed forms: white noise, sines, flat signals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import sosfreqz

from datasets._entropy import FLOOR, band_entropy, band_filter, gaussian_entropy

RATE = 128.0
BANDS = ((4.0, 8.0), (8.0, 14.0), (14.0, 31.0), (31.0, 45.0))
INSIDE = slice(2, -2)  # seconds away from the ends of a recording


def sine(hertz: float, amplitude: float, seconds: int = 20) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    return amplitude * np.sin(2 * np.pi * hertz * time + 0.3)[None]


@pytest.mark.parametrize("b", range(4))
def test_white_noise_has_the_variance_that_the_filter_passes(b: int) -> None:
    sigma, (low, high) = 3.0, BANDS[b]
    noise = sigma * np.random.default_rng(0).normal(size=(20, int(400 * RATE)))
    found = band_entropy(noise, RATE, BANDS[b : b + 1], window=20.0)
    _, response = sosfreqz(band_filter(BANDS[b], RATE), worN=2**14, fs=RATE)
    passed = sigma**2 * np.mean(np.abs(response) ** 4)  # twice through the filter
    assert found.mean() == pytest.approx(gaussian_entropy(np.array(passed)), abs=0.01)
    edges = 5 / 6 * (np.pi / 6) / np.sin(np.pi / 6)  # integral of 1 / (1 + x^6)^2 over x > 0
    assert passed == pytest.approx(edges * sigma**2 * 2 * (high - low) / RATE, rel=0.02)


@pytest.mark.parametrize(("hertz", "b"), [(6, 0), (11, 1), (22, 2), (38, 3)])
def test_a_sine_inside_a_band_has_half_its_squared_amplitude(hertz: float, b: int) -> None:
    found = band_entropy(sine(hertz, 5.0), RATE, BANDS)[INSIDE, 0]
    expected = 0.5 * np.log(2 * np.pi * np.e * 5.0**2 / 2)
    np.testing.assert_allclose(found[:, b], expected, atol=0.02)
    others = np.delete(found, b, axis=1)
    assert (others < expected - 1.5).all()


def test_doubling_a_signal_adds_log_two() -> None:
    signal = np.random.default_rng(1).normal(size=(3, 1280))
    once, twice = (band_entropy(k * signal, RATE, BANDS) for k in (1, 2))
    np.testing.assert_allclose(twice - once, np.log(2), atol=1e-9)


def test_a_constant_is_neither_seen_nor_a_cause_of_trouble() -> None:
    signal = np.random.default_rng(1).normal(size=(3, 1280))
    plain, lifted = (band_entropy(signal + k, RATE, BANDS) for k in (0, 1e5))
    np.testing.assert_allclose(lifted, plain, atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 7.0, 1e6])
def test_a_flat_channel_lies_at_the_floor(level: float) -> None:
    found = band_entropy(np.full((2, 1280), level), RATE, BANDS)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, 0.5 * np.log(2 * np.pi * np.e * FLOOR))
    higher = band_entropy(np.full((2, 1280), level), RATE, BANDS, floor=1.0)
    np.testing.assert_allclose(higher, 0.5 * np.log(2 * np.pi * np.e))


def test_filters_see_the_whole_recording_and_delay_nothing() -> None:
    burst = np.zeros((1, 2560))
    burst[:, 1280:1408] = sine(22, 1.0, 1)  # second 10
    found = band_entropy(burst, RATE, BANDS)[:, 0, 2]
    assert found.argmax() == 10
    np.testing.assert_allclose(found[9], found[11], atol=1.0)
    reversed_in_time = band_entropy(burst[:, ::-1], RATE, BANDS)[::-1, 0, 2]
    np.testing.assert_allclose(np.exp(reversed_in_time), np.exp(found), atol=1e-3)


def test_windows_channels_and_bands_are_the_axes_and_the_rest_is_dropped() -> None:
    signal = np.random.default_rng(2).normal(size=(3, 1000))
    assert band_entropy(signal, RATE, BANDS).shape == (7, 3, 4)
    assert band_entropy(signal, RATE, BANDS[:1], window=2.0).shape == (3, 3, 1)


@pytest.mark.parametrize(
    ("samples", "band", "window", "message"),
    [
        (1280, (31.0, 64.0), 1.0, " 64 Hz"),
        (1280, (0.0, 4.0), 1.0, " 64 Hz"),
        (1280, (8.0, 4.0), 1.0, " 64 Hz"),
        (100, (4.0, 8.0), 1.0, "100 samples"),
        (1280, (4.0, 8.0), 0.3, r"0\.3 s"),
    ],
)
def test_what_cannot_be_computed_is_refused(
    samples: int, band: tuple[float, float], window: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        band_entropy(np.zeros((1, samples)), RATE, (band,), window)
