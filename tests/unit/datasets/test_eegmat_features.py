"""Band entropies and the pulse against closed forms: sines, white noise, regular heartbeats."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, freqz_sos

from datasets.eegmat import features
from tests.unit.datasets.fake_edf import ECG, RATE, heart, recording


def gaussian(variance: float) -> float:
    return 0.5 * np.log(2 * np.pi * np.e * variance)


def test_the_entropy_of_a_sine_is_in_its_band_alone() -> None:
    t = np.arange(20 * RATE) / RATE
    centres = [np.sqrt(low * high) for low, high in features.EEG_BANDS]
    sines = np.stack([7 * np.sin(2 * np.pi * hertz * t) for hertz in centres])
    found = features.eeg_features(sines).reshape(20, 5, 5)[2:-2]  # second, band, sine
    expected = gaussian(7**2 / 2)
    for k in range(5):
        tolerance = 0.3 if k == 0 else 0.06  # a second holds two waves of delta, cut anywhere
        assert found[:, k, k] == pytest.approx(np.full(16, expected), abs=tolerance)
        assert (np.delete(found[:, :, k], k, axis=1) < expected - 1).all()


def test_the_entropy_of_white_noise_follows_from_the_filter() -> None:
    noise = np.random.default_rng(0).normal(0, 3, (4, 200 * RATE))
    found = features.eeg_features(noise).reshape(200, 5, 4)
    power = (np.exp(2 * found) / (2 * np.pi * np.e)).mean(axis=(0, 2))
    for k, (low, high) in enumerate(features.EEG_BANDS):
        sos = butter(features.ORDER, (low, high), "bandpass", fs=RATE, output="sos")
        _, response = freqz_sos(sos, worN=2**16)
        expected = 9 * np.mean(np.abs(response) ** 4)  # there and back: gain |H|^2
        assert power[k] == pytest.approx(expected, rel=0.12 if k == 0 else 0.05)
        assert power[k] == pytest.approx(9 * 2 * (high - low) / RATE, rel=0.25)


def test_rows_follow_the_clock() -> None:
    t = np.arange(40 * RATE) / RATE
    alpha = np.where(t < 20, 1, 10) * np.sin(2 * np.pi * 10.6 * t)
    quick = np.concatenate([heart(20, (1.0,)), heart(20, (0.6,))])
    found = features.eeg_features(np.stack([0 * t, alpha]))
    assert found[:18, 2 * 2 + 1] == pytest.approx(np.full(18, gaussian(1 / 2)), abs=0.1)
    assert found[22:, 2 * 2 + 1] == pytest.approx(np.full(18, gaussian(100 / 2)), abs=0.1)
    pulse = features.ecg_features(quick)[0][:, 6]
    assert pulse[:15] == pytest.approx(np.full(15, 60), rel=0.01)
    assert pulse[25:] == pytest.approx(np.full(15, 100), rel=0.01)


def test_a_flat_channel_has_the_floor() -> None:
    assert features.eeg_features(np.ones((1, 10 * RATE))) == pytest.approx(
        np.full((10, 5), gaussian(features.FLOOR))
    )


def test_the_filter_runs_both_ways() -> None:
    noise = np.random.default_rng(1).normal(0, 3, (2, 30 * RATE))
    there, back = features.eeg_features(noise), features.eeg_features(noise[:, ::-1])
    assert back[::-1][5:-5] == pytest.approx(there[5:-5], abs=1e-3)


def test_what_is_left_of_the_last_second_is_dropped() -> None:
    signal = recording(13)[:, : 12 * RATE + 499]
    assert features.eeg_features(signal[:ECG]).shape == (12, 95)
    assert features.ecg_features(signal[ECG])[0].shape == (12, 11)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("interval", [0.5, 0.75, 1.2])
def test_heart_rate_of_a_steady_pulse(interval: float, sign: int) -> None:
    table, lost = features.ecg_features(sign * heart(30, (interval,)))
    assert not lost.any()
    rate, sdnn, rmssd, height, spread = table[:, 6:].T
    assert rate == pytest.approx(60 / interval, rel=0.005)
    assert sdnn == pytest.approx(0, abs=2)
    assert rmssd == pytest.approx(0, abs=3)
    assert height == pytest.approx(height.mean(), rel=0.05)
    assert (spread < 0.1 * height).all()


def test_variability_of_a_pulse_that_alternates() -> None:
    noise = np.random.default_rng(0).normal(0, 5, 60 * RATE)
    table, lost = features.ecg_features(heart(60, (0.8, 0.9)) + noise)
    assert not lost.any()
    assert table[:, 6] == pytest.approx(60 / 0.85, rel=0.01)
    assert table[:, 7] == pytest.approx(50, abs=3)
    assert table[:, 8] == pytest.approx(100, abs=3)


def test_seconds_without_beats_take_the_medians_and_are_named() -> None:
    signal = heart(60, (0.8,))
    signal[: 20 * RATE] = 0
    table, lost = features.ecg_features(signal)
    assert lost[:12].all()
    assert not lost[25:].any()
    assert table[0, 6:] == pytest.approx(np.median(table[~lost, 6:], axis=0))


def test_the_context_stays_inside_the_recording() -> None:
    total = 12 * RATE + 7
    for start in range(0, 12 * RATE, RATE):
        begin, end = features.context(start, total)
        assert 0 <= begin <= start
        assert start + RATE <= end <= total
        assert end - begin == 10 * RATE
    assert features.context(20 * RATE, 60 * RATE) == (round(15.5 * RATE), round(25.5 * RATE))
