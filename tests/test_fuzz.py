"""Random sampler programs beside the bare model: right or aside, and never a crash of our own.

A program is a list of acts that a sampler of another pack might go through. It is run twice, with the bare model and
with a skipping one. Whatever it does, the skipping run ends as the bare one does. Once an anomaly has ended the
skipping, every answer is the model's own, bit for bit; where nothing has, the result keeps the tolerance.
"""

import contextlib
import functools

import pytest
import torch
from comfyui_fsampler.fsampler import Config, begin
from fsampler_research.demo.problem import Denoiser, load_network
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import problem, schedule

STEPS, TOLERANCE = 16, 0.08
MODES = ["h2/s2", "adaptive", "calls:9", "calls:60%", f"auto:{TOLERANCE}", "turbo"]


class Cancelled(Exception):
    """What a user's cancel raises, out of the model."""


class Sampler:
    """The state of a program: latents ``[B, ...]`` at the sigma of step ``at``, of one trajectory or of several."""

    def __init__(self, model, x, sigmas):
        self.model, self.xs, self.sigmas, self.at = model, [x], sigmas, 0
        self.noise = torch.Generator().manual_seed(7)
        self.odd = False  # what no skipping run may pass over in silence

    def ask(self, x, sigma):
        return self.model(x, sigma.to(x.dtype).expand(len(x)))

    def euler(self, x, told=1.0):
        sigma, following = self.sigmas[self.at], self.sigmas[self.at + 1]
        answer = self.ask(x, sigma * told)
        return (answer + (x - answer) * (following / sigma)).to(x.dtype)

    def heun(self, x):
        sigma, following = self.sigmas[self.at], self.sigmas[self.at + 1]
        slope = (x - self.ask(x, sigma)) / sigma
        ahead = x + slope * (following - sigma)
        if following > 0:
            slope = (slope + (ahead - self.ask(ahead, following)) / following) / 2
        return (x + slope * (following - sigma)).to(x.dtype)

    def tiles(self, x):
        turned = x.roll(x.shape[-2] // 2, dims=-2)
        return torch.where(torch.arange(x.shape[-1]) % 2 == 0, self.euler(x), self.euler(turned).roll(1, dims=-2))

    def edits(self, x):
        """Overwrites what it gave and what it got, once it is done with them."""
        mine = x.clone()
        sigma, following = self.sigmas[self.at], self.sigmas[self.at + 1]
        answer = self.ask(mine, sigma)
        moved = (answer + (x - answer) * (following / sigma)).to(x.dtype)
        mine.fill_(3.0)
        if answer.data_ptr() != mine.data_ptr():
            answer.fill_(-3.0)
        return moved

    def repeats(self, x):
        self.ask(x, self.sigmas[self.at])
        return self.euler(x)

    def step(self, name):
        if self.at < len(self.sigmas) - 1:
            self.xs = [getattr(self, name)(x) if name != "told" else self.euler(x, 0.93) for x in self.xs]
            self.at += 1

    def fresh(self, x):
        return torch.randn(x.shape, generator=self.noise).to(x)

    def act(self, name):
        x = self.xs[0]
        self.odd |= {"resize": 0 < self.at < STEPS, "fork": self.at < STEPS, "restart": self.at > 2}.get(name, False)
        if name == "restart" and self.at > 2:
            high = self.at - 3
            rise = (self.sigmas[high] ** 2 - self.sigmas[self.at] ** 2).clamp_min(0).sqrt()
            self.xs, self.at = [each + rise * self.fresh(each) for each in self.xs], high
        elif name == "resize":
            self.xs = [each.repeat(*[1] * (each.ndim - 1), 2) for each in self.xs]
        elif name == "precision":
            self.xs = [each.double() if each.dtype == torch.float32 else each.float() for each in self.xs]
        elif name == "fork":
            self.xs = [x, self.sigmas[self.at] * self.fresh(x)]
        elif name == "cancel":
            raise Cancelled
        elif name not in ("restart", "resize", "precision", "fork"):
            self.step(name)


HARMLESS = ("euler", "heun", "edits", "precision")
ODD = ("told", "tiles", "repeats", "restart", "resize", "fork", "cancel")
programs = st.lists(
    st.one_of(
        st.sampled_from(HARMLESS[:1]).map(lambda name: [name] * 3),
        st.sampled_from(HARMLESS).map(lambda name: [name]),
        st.sampled_from(ODD).map(lambda name: [name]),
    ),
    min_size=2,
    max_size=8,
).map(lambda parts: [name for part in parts for name in part] + ["euler"] * STEPS)


def play(program, model, x, sigmas):
    """The latents in the end, or None where the program was cancelled; and whether it did something odd."""
    sampler = Sampler(model, x.clone(), sigmas)
    with contextlib.suppress(Cancelled):
        for name in program:
            sampler.act(name)
        return sampler.xs, sampler.odd
    return None, False


class Watched:
    """A skipping denoiser whose answers, once it has stood aside, must be the model's."""

    def __init__(self, model, denoiser):
        self.model, self.denoiser = model, denoiser

    def __call__(self, x, sigma):
        before = x.clone()
        answer = self.denoiser(x, sigma)
        assert torch.equal(x, before), "the sampler's latent was changed in place"
        if any(" in full" in note.text for note in self.denoiser.report.notes):
            assert torch.equal(answer, self.model(before, sigma)), "in full, and not the model's answer"
        return answer


def check(program, mode, model, x, sigmas, flow):
    bare, odd = play(program, model, x, sigmas)
    denoiser = begin(model, sigmas, Config.parse(mode), flow=flow)
    result, _ = play(program, Watched(model, denoiser), x, sigmas)
    report = denoiser.finish()
    assert (result is None) == (bare is None)
    if bare is None:
        return
    assert [(each.shape, each.dtype) for each in result] == [(each.shape, each.dtype) for each in bare]
    assert all(each.isfinite().all() for each in result)
    aside = any(" in full" in note.text for note in report.notes)
    assert aside or not odd, report.notes
    if not aside and mode.startswith("auto"):
        error = (result[0] - bare[0]).norm() / bare[0].norm()
        assert error < 2 * TOLERANCE, report.sequence


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(program=programs, seed=st.integers(0, 5))
def test_any_program_over_an_analytic_model(mode, flow, program, seed):
    sigmas = schedule(STEPS, flow)
    x = torch.randn(2, 60, 3, generator=torch.Generator().manual_seed(seed)) * sigmas[0]

    def model(x, sigma):
        return problem(flow, x.dtype)(x.reshape(len(x), -1, 3), sigma).reshape(x.shape)

    check(program, mode, model, x, sigmas, flow)


@functools.cache
def network():
    return load_network()


@pytest.mark.parametrize("prediction", ["flow", "eps"])
@settings(max_examples=6, deadline=None, derandomize=True, database=None)
@given(program=programs, mode=st.sampled_from(MODES))
def test_any_program_over_a_trained_model(prediction, program, mode):
    sigmas, flow = schedule(STEPS, prediction == "flow"), prediction == "flow"
    x = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * sigmas[0]

    def model(x, sigma):
        return Denoiser(network(), torch.tensor([3]), prediction, cfg=2.0)(x.float(), sigma.float()).to(x.dtype)

    check(program, mode, model, x, sigmas, flow)
