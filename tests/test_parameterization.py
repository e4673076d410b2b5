"""The three spaces: their formulas, the way back, and what they hold constant."""

import pytest
import torch
from comfyui_fsampler.fsampler.parameterization import PARAMETERIZATIONS, decode, encode


@pytest.fixture
def triple():
    generator = torch.Generator().manual_seed(1)
    return (*torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64), 1.7)


def test_the_formulas(triple):
    denoised, x, sigma = triple
    assert set(PARAMETERIZATIONS) == {"epsilon", "residual", "denoised"}
    assert torch.equal(encode("epsilon", denoised, x, sigma), (x - denoised) / sigma)
    assert torch.equal(encode("residual", denoised, x, sigma), denoised - x)
    assert torch.equal(encode("denoised", denoised, x, sigma), denoised)


@pytest.mark.parametrize("space", PARAMETERIZATIONS)
def test_decode_is_the_inverse(space, triple):
    denoised, x, sigma = triple
    value = encode(space, denoised, x, sigma)
    for level in (sigma, torch.tensor(sigma, dtype=torch.float64)):
        torch.testing.assert_close(decode(space, value, x, level), denoised)


def test_epsilon_is_the_velocity_on_flow_models(triple):
    clean, noise, t = triple[0], triple[1], 0.3
    torch.testing.assert_close(encode("epsilon", clean, (1 - t) * clean + t * noise, t), noise - clean)


def test_a_kept_value_moves_with_x_as_its_space_says(triple):
    value, x, sigma = triple
    moved = x + 1.0
    for space, shift in (("epsilon", 1.0), ("residual", 1.0), ("denoised", 0.0)):
        torch.testing.assert_close(
            decode(space, value, moved, sigma) - decode(space, value, x, sigma), torch.full_like(x, shift)
        )
