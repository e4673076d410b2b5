"""The epsilon history buffer."""

import pytest
import torch
from comfyui_fsampler.fsampler.history import History


def filled(capacity, *pairs):
    history = History("denoised", capacity, "sigma")
    for sigma, value in pairs:
        history.append(sigma, torch.full((1, 2), float(value)), sigma)
    return [(entry.sigma, float(entry.value[0, 0])) for entry in history.entries]


def test_newest_last_and_oldest_dropped():
    assert filled(3, (5, 50), (4, 40)) == [(5, 50), (4, 40)]
    assert filled(3, (5, 50), (4, 40), (3, 30), (2, 20)) == [(4, 40), (3, 30), (2, 20)]


@pytest.mark.parametrize("earlier", [0, 1, 2])
def test_a_coinciding_sigma_is_replaced_wherever_it_stands(earlier):
    """Two nodes at one sigma carry no slope; heunpp2 comes back to an earlier one."""
    pairs = [(5, 50), (4, 40), (3, 30)]
    sigma = pairs[earlier][0]
    expected = [pair for pair in pairs if pair[0] != sigma] + [(sigma, 99)]
    assert filled(4, *pairs, (sigma, 99)) == expected
    assert filled(3, *pairs, (sigma, 99)) == expected


def test_its_length_is_the_number_of_entries():
    history = History("denoised", 2, "sigma")
    assert len(history) == 0
    for i, length in enumerate((1, 2, 2)):
        history.append(3.0 - i, torch.zeros(1, 1), 3.0 - i)
        assert len(history) == length


def test_sigmas_that_differ_by_rounding_are_one():
    history = History("denoised", 3, "sigma")
    for sigma, value in ((3.0, 1.0), (2.0, 2.0), (2.0 * (1 - 1e-6), 5.0)):
        history.append(sigma, torch.tensor([value]), sigma)
    assert [float(entry.value) for entry in history.entries] == [1.0, 5.0]
    assert not history.all_above(2.0) and not history.all_above(2.0 * (1 - 2e-6)) and history.all_above(1.99)


def test_below_counts_an_entry_that_a_sampler_has_looked_ahead_to():
    history = History("denoised", 2, "sigma")
    for sigma in (3.0, 1.0, 2.0):
        history.append(sigma, torch.zeros(1), sigma)
    assert not history.all_above(1.0) and not history.all_above(1.5) and history.all_above(0.9)


def test_the_norm_of_the_newest_value_is_kept_sample_by_sample():
    history = History("denoised", 2, "sigma")
    assert history.newest_norm is None
    for sigma, scale in ((3.0, 1.0), (2.0, 5.0), (2.0, 0.2)):
        history.append(sigma, scale * torch.tensor([[3.0, 4.0], [0.0, 2.0]]), sigma)
        for same in (history, history.with_offset(torch.ones(2, 2))):
            torch.testing.assert_close(same.newest_norm, scale * torch.tensor([[5.0], [2.0]]))
