"""The analytic mixture against direct computations in float64, its score, and its limits."""

import math

import pytest
import torch
from fsampler_research.demo.mixture import COMPONENTS, DEVIATIONS, SPREAD, Mixture, class_means, mixture
from fsampler_research.demo.model import CLASSES, UNCONDITIONAL
from fsampler_research.demo.problem import Denoiser

LABELS = torch.tensor([3, UNCONDITIONAL, 0, 7])


@pytest.fixture(scope="module")
def network():
    return mixture()


def noisy(network, t, labels=LABELS):
    """States of the flow path at time t, drawn from components of the labels' classes."""
    generator = torch.Generator().manual_seed(5)
    data, noise = torch.randn(2, len(labels), 3, 64, 64, generator=generator)
    picks = [0 if label == UNCONDITIONAL else COMPONENTS * label + 2 for label in labels.tolist()]
    x0 = network.means[picks].reshape(data.shape) + network.deviations[picks, None, None, None] * data
    return (1 - t) * x0 + t * noise


def velocity(network, x, t, labels=LABELS):
    return network(x, torch.full((len(x),), float(t), dtype=x.dtype), labels)


def log_density(network, x, t, label):
    """log p_t of ``[D]`` float64 and the posterior mean, one component after the other."""
    a, logs, means = 1 - t, [], []
    for mean, deviation, belongs in zip(network.means, network.deviations, network.labels, strict=True):
        if label in (UNCONDITIONAL, int(belongs)):
            mean, variance = mean.double(), float(deviation) ** 2
            v = a**2 * variance + t**2
            logs.append(-((x - a * mean) ** 2).sum() / (2 * v) - x.numel() / 2 * math.log(v))
            means.append(mean + a * variance / v * (x - a * mean))
    logs = torch.stack(logs)
    shares = (logs - logs.logsumexp(0)).exp()
    return logs.logsumexp(0), sum(share * mean for share, mean in zip(shares, means, strict=True))


@pytest.mark.parametrize("t", [0.01, 0.3, 0.7, 0.9, 0.97, 0.999])
def test_direct_computation(network, t):
    x = noisy(network, t)
    denoised = x - t * velocity(network, x, t)
    for one, shown, label in zip(x, denoised, LABELS.tolist(), strict=True):
        expected = log_density(network, one.flatten().double(), t, label)[1]
        torch.testing.assert_close(shown.flatten().double(), expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("t", [0.2, 0.85, 0.95])
def test_the_score(network, t):
    """Tweedie: (1 - t) D = x + t^2 grad log p_t(x)."""
    x = noisy(network, t)[1].flatten().double().requires_grad_()
    (score,) = torch.autograd.grad(log_density(network, x, t, UNCONDITIONAL)[0], x)
    x = x.detach()
    image = x.reshape(1, 3, 64, 64)
    denoised = image - t * velocity(network, image, t, torch.tensor([UNCONDITIONAL]))
    torch.testing.assert_close((1 - t) * denoised.flatten(), x + t**2 * score, rtol=1e-8, atol=1e-8)


def test_one_component_is_a_gaussian():
    mean, x = torch.randn(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double()
    network = Mixture(mean, torch.tensor([0.3]).double(), torch.tensor([4]))
    for t in (0.0, 0.4, 1.0):
        v = (1 - t) ** 2 * 0.09 + t**2
        slope = (t - (1 - t) * 0.09) / v  # of the velocity: the derivative of log sqrt(v) by t
        expected = slope * (x - (1 - t) * mean) - mean
        torch.testing.assert_close(velocity(network, x, t, torch.tensor([4])), expected)


def test_without_noise_it_is_the_image(network):
    x = noisy(network, 0.0)
    t = 1e-4
    torch.testing.assert_close(x - t * velocity(network, x, t), x, atol=1e-3, rtol=0)
    torch.testing.assert_close(velocity(network, x, 0), -x, atol=1e-5, rtol=0)


def test_pure_noise_tells_nothing(network):
    x = noisy(network, 1.0)
    denoised = x - velocity(network, x, 1)
    for shown, label in zip(denoised, LABELS.tolist(), strict=True):
        known = network.labels == label if label != UNCONDITIONAL else network.labels >= 0
        torch.testing.assert_close(shown.flatten(), network.means[known].mean(0), atol=1e-5, rtol=0)


def test_a_class_and_the_whole(network):
    """Where the class is certain both agree; near pure noise they do not, and the label decides."""
    both = torch.tensor([3, UNCONDITIONAL])
    for t, same in ((0.3, True), (0.99, False)):
        x = noisy(network, t, torch.tensor([3])).expand(2, -1, -1, -1)
        conditional, whole = velocity(network, x, t, both)
        assert torch.allclose(conditional, whole, atol=1e-5) is same
    foreign = velocity(network, noisy(network, 0.9, torch.tensor([3])), 0.9, torch.tensor([9]))
    own = velocity(network, noisy(network, 0.9, torch.tensor([3])), 0.9, torch.tensor([3]))
    assert not torch.allclose(own, foreign, atol=0.1)


def test_images_do_not_depend_on_each_other(network):
    x = noisy(network, 0.8)
    together = velocity(network, x, 0.8)
    for i in range(len(x)):
        torch.testing.assert_close(velocity(network, x[i : i + 1], 0.8, LABELS[i : i + 1])[0], together[i])


def test_half_precision_keeps_its_dtype(network):
    x = noisy(network, 0.5)
    shown = velocity(network, x.bfloat16(), 0.5)
    assert shown.dtype == torch.bfloat16
    torch.testing.assert_close(shown.float(), velocity(network, x, 0.5), atol=0.05, rtol=0.05)


def test_the_means_are_pictures_and_always_the_same():
    means = mixture().means.reshape(len(CLASSES), COMPONENTS, 3, 64, 64)
    assert means.abs().max() <= 1.1 and torch.equal(means, mixture().means.reshape(means.shape))
    apart = torch.cdist(means.flatten(2), means.flatten(2)) + torch.eye(COMPONENTS)
    assert apart.min() > 0.5
    rough = (means[..., 1:] - means[..., :-1]).square().mean() / means.square().mean()
    assert rough < 0.2  # white noise has 2
    assert not torch.equal(class_means(0), class_means(0, seed=1))
    assert not torch.equal(class_means(0), class_means(3))
    low, high = mixture().deviations.aminmax()
    assert (float(low), float(high)) == pytest.approx((DEVIATIONS[0] / SPREAD, DEVIATIONS[1] * SPREAD))


@pytest.mark.parametrize("prediction", ["flow", "eps", "v"])
@torch.no_grad()
def test_guidance_extrapolates_from_the_whole_to_the_class(network, prediction):
    labels = torch.tensor([3, 9])
    x, sigma = 20 * noisy(network, 1.0, labels), torch.full((2,), 20.0)
    if prediction == "flow":
        x, sigma = x / 21, sigma / 21
    answers = [Denoiser(network, labels, prediction, cfg)(x, sigma) for cfg in (0.0, 1.0, 3.0)]
    torch.testing.assert_close(answers[2], answers[0] + 3 * (answers[1] - answers[0]), atol=2e-4, rtol=0)
    assert not torch.allclose(answers[0], answers[1], atol=0.05)
