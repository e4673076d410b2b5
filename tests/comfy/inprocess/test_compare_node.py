"""FSampler Compare against what is known of SSIM and PSNR."""

import math

import pytest
import torch
from comfyui_fsampler import NODE_CLASS_MAPPINGS as OURS


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    import folder_paths

    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path))


def picture(count=2, height=48, width=64):
    return torch.rand(count, height, width, 3, generator=torch.Generator().manual_seed(3))


def compare(reference, image, gain=8.0):
    shown = OURS["FSamplerCompare"]().compare(reference, image, gain)
    similarity, noise, difference, text = shown["result"]
    assert difference.shape == (*reference.shape[:3], 3) and 0 <= difference.min() <= difference.max() <= 1
    assert shown["ui"]["text"] == [text] and len(shown["ui"]["images"]) == len(reference)
    return similarity, noise, difference, text


def test_identical():
    similarity, noise, difference, text = compare(picture(), picture())
    assert similarity == pytest.approx(1, abs=1e-6) and noise == math.inf and not difference.any()
    assert "identical" in text


def test_psnr_of_a_known_difference():
    reference = picture() * 0.8
    for step in (0.1, 0.01):
        assert compare(reference, reference + step)[1] == pytest.approx(-20 * math.log10(step), abs=1e-3)


def test_ssim_of_flat_pictures():
    """Without structure SSIM is its luminance term: (2ab + c) / (a^2 + b^2 + c), c = 0.01^2."""
    a, b, c = 0.4, 0.6, 0.01**2
    flat = torch.ones(1, 32, 32, 3)
    assert compare(flat * a, flat * b)[0] == pytest.approx((2 * a * b + c) / (a * a + b * b + c), abs=1e-4)


def test_more_noise_is_less_alike():
    noise = picture() - 0.5
    figures = [compare(picture(), picture() + share * noise)[:2] for share in (0.05, 0.1, 0.3)]
    assert figures == sorted(figures, reverse=True)


def test_the_map_shows_where():
    changed = picture()
    changed[:, 10:20, 30:40] = 1 - changed[:, 10:20, 30:40]
    difference = compare(picture(), changed)[2]
    assert difference[:, 10:20, 30:40].any() and not difference[:, :10].any() and not difference[:, :, :30].any()
    assert compare(picture(), changed, gain=1.0)[2].sum() < difference.sum()


def test_an_alpha_channel_is_left_out():
    with_alpha = torch.cat([picture(), torch.rand(2, 48, 64, 1)], dim=-1)
    shown = OURS["FSamplerCompare"]().compare(picture(), with_alpha, 8.0)["result"]
    assert shown[0] == pytest.approx(1, abs=1e-6) and shown[2].shape == (2, 48, 64, 3)


@pytest.mark.parametrize("other", [(2, 48, 32), (1, 48, 64)])
def test_another_size_or_number(other):
    with pytest.raises(ValueError, match=r"reference is 2 of 64x48, image is \d of \d+x\d+; expected the same"):
        OURS["FSamplerCompare"]().compare(picture(), picture(*other), 8.0)


def test_too_small():
    with pytest.raises(ValueError, match="at least 11x11 pixels"):
        OURS["FSamplerCompare"]().compare(picture(1, 8, 64), picture(1, 8, 64), 8.0)
