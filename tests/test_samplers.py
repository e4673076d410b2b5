"""The solvers against truth: exact ODE solutions, exact marginals, polynomials; and the k-diffusion contract."""

import ast
import inspect
import math
import re
import sys
from functools import partial
from pathlib import Path

import mpmath
import pytest
import torch
from comfyui_fsampler.samplers import SOLVERS, get
from comfyui_fsampler.samplers.adams import adams_weights
from comfyui_fsampler.samplers.phi import phi_1, phi_2, phi_3
from comfyui_fsampler.samplers.res_multistep import _moments as res_moments
from gaussian import Gaussian

ALL = sorted(SOLVERS)
STOCHASTIC = [name for name in ALL if "eta" in inspect.signature(SOLVERS[name]).parameters]
TWO_STAGE = ["dpmpp_2s", "res_2s"]
SDE = ["dpmpp_2m", "res_2m", "res_3m"]  # eta trades noise as e^(-eta h); the others as DDIM does


def f64(*values):
    return torch.tensor(values, dtype=torch.float64)


def problem(flow=False):
    return Gaussian(f64(0.3, -0.7, 1.1), f64(0.4, 0.8, 1.3), flow)


def constant(value):
    return lambda x, sigma: torch.full_like(x, value)


# ---- coefficients


@pytest.mark.parametrize("order, function", [(1, phi_1), (2, phi_2), (3, phi_3)])
def test_phi_is_accurate_at_every_size(order, function):
    sizes = [10 ** (k / 8) for k in range(-96, 14)] + [50.0, 0.999999, 1.0, 1.000001]
    for h in [0.0] + sizes + [-size for size in sizes]:
        with mpmath.workdps(50):
            exact = mpmath.hyp1f1(1, order + 1, h) / mpmath.factorial(order)
            assert abs(function(h) - exact) <= 1e-14 * abs(exact), h


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_adams_weights_integrate_polynomials_exactly(count):
    nodes = [0.0, -0.3, -1.7, -2.1][:count]
    weights = adams_weights(nodes, [1 / (k + 1) for k in range(count)])
    for k in range(count):
        assert sum(w * t**k for w, t in zip(weights, nodes, strict=True)) == pytest.approx(1 / (k + 1), rel=1e-13)


@pytest.mark.parametrize("span", [0.01, 0.7, 9.0])
def test_res_moments_are_the_integrals_under_the_exponential_kernel(span):
    for k, moment in enumerate(res_moments(span)):
        exact = mpmath.quad(lambda t, k=k: span * mpmath.exp(-span * (1 - t)) * t**k, [0, 0.5, 1])
        assert moment == pytest.approx(float(exact), rel=1e-12)


UNEVEN = f64(9.0, 7.0, 6.5, 3.0, 2.9, 1.0, 0.3)


def trajectory(solver, model, sigmas):
    """x at every sigma."""
    states = []
    last = solver(model, torch.ones(1, 1, dtype=torch.float64), sigmas, callback=lambda step: states.append(step["x"]))
    return torch.cat([*states, last])[:, 0]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_lms_is_exact_where_epsilon_is_a_polynomial_in_sigma(order):
    states = trajectory(partial(SOLVERS["lms"], order=order), lambda x, s: x - s[:, None] ** order, UNEVEN)
    gained, exact = states.diff(), (UNEVEN**order / order).diff()
    torch.testing.assert_close(gained[order - 1 :], exact[order - 1 :], rtol=1e-12, atol=0)


@pytest.mark.parametrize("name, degree", [("res_2s", 1), ("res_2m", 1), ("res_3m", 1), ("res_3m", 2)])
def test_res_is_exact_where_denoised_is_a_polynomial_in_lambda(name, degree):
    """x' = -x + lambda^k has the particular solution below; the rest of x must shrink exactly like sigma."""
    states = trajectory(SOLVERS[name], lambda x, s: (-s.log()[:, None]) ** degree, UNEVEN)
    lam = -UNEVEN.log()
    rest = states - (lam - 1 if degree == 1 else lam**2 - 2 * lam + 2)
    started = 0 if name in TWO_STAGE else degree
    torch.testing.assert_close((rest[1:] / UNEVEN[1:])[started:], (rest[:-1] / UNEVEN[:-1])[started:])


# ---- order of convergence


def schedule(steps, order, flow, uneven):
    """Graded schedule: uniform in log(sigma), or steps of 2:1:2:1 in sigma^(1/3).

    A multistep method starts with one step of order 1, one of order 2, ...; with equal steps that single O(h^2) error
    would be all one sees. Step k of size H^(order / (k + 1)), H = 1 / steps, makes each start-up error O(H^order).
    """
    start = [(1 / steps) ** (order / (k + 1)) for k in range(1, order)]
    rest = f64(*([2.0, 1.0] * steps if uneven else [1.0] * steps))[: steps - len(start)]
    u = torch.cat([f64(0.0, *start), rest / rest.sum() * (1 - sum(start))]).cumsum(0).clamp(max=1)
    high, low = (0.98, 0.05) if flow else (10.0, 0.1)
    return (high ** (1 / 3) + u * (low ** (1 / 3) - high ** (1 / 3))) ** 3 if uneven else high * (low / high) ** u


def slope(solver, order, flow, uneven):
    """Fitted order of convergence to the exact solution, from 32 to 512 steps."""
    data, counts = problem(flow), [32, 64, 128, 256, 512]
    errors = []
    for steps in counts:
        sigmas = schedule(steps, order, flow, uneven)
        mean, std = data.marginal(sigmas[0].item())
        x = mean + std * f64([1.0, -0.5, 0.3], [-1.2, 0.4, 2.0])
        error = solver(data, x, sigmas) - data.exact(x, sigmas[0].item(), sigmas[-1].item())
        errors.append(error.norm().item())
    steps, errors = f64(*counts).log(), f64(*errors).log()
    return -(torch.cov(torch.stack([steps, errors]))[0, 1] / steps.var()).item()


ORDERS = {name: 2 for name in ALL} | {"euler": 1, "ddim": 1, "res_3m": 3, "lms": 4}
CASES = [pytest.param(SOLVERS[name], ORDERS[name], id=name) for name in ALL] + [
    pytest.param(partial(SOLVERS["dpmpp_2s"], r=0.8), 2, id="dpmpp_2s-r0.8"),
    pytest.param(partial(SOLVERS["res_2s"], c2=1.0), 2, id="res_2s-c1"),
    *(pytest.param(partial(SOLVERS["lms"], order=k), k, id=f"lms-{k}") for k in (1, 2, 3)),
]


@pytest.mark.parametrize("uneven", [False, True], ids=["log", "uneven"])
@pytest.mark.parametrize("flow", [False, True], ids=["ve", "flow"])
@pytest.mark.parametrize("solver, order", CASES)
def test_order_of_convergence(solver, order, flow, uneven):
    assert slope(solver, order, flow, uneven) >= order - 0.2


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_graded_start_does_not_flatter(order):
    """On the order-4 schedule a method of lower order still shows its own."""
    assert slope(partial(SOLVERS["lms"], order=order), 4, False, False) <= order + 0.5


# ---- few steps, the end of the schedule


@pytest.mark.parametrize("sigmas", [[0.9, 0.2], [0.9, 0.5, 0.2], [1.0, 0.0], [1.0, 0.6, 0.0], [0.9, 1e-30, 0.0]])
@pytest.mark.parametrize("name", ALL)
def test_a_constant_model_is_solved_exactly(name, sigmas):
    x = f64([2.0, -1.0])
    exact = 0.25 + sigmas[-1] / sigmas[0] * (x - 0.25)
    torch.testing.assert_close(SOLVERS[name](constant(0.25), x, f64(*sigmas)), exact, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", ALL)
def test_a_single_step_is_euler_unless_the_method_has_stages(name):
    x, sigmas = f64([2.0, -1.0, 0.5]), f64(3.0, 1.0)
    result, euler = SOLVERS[name](problem(), x, sigmas), x / 3 + 2 / 3 * problem()(x, sigmas[:1])
    assert torch.allclose(result, euler, rtol=1e-14) == (name not in TWO_STAGE)


@pytest.mark.parametrize("name, eta", [(n, 0.0) for n in ALL] + [(n, eta) for n in STOCHASTIC for eta in (0.5, 1.0)])
def test_a_last_step_to_zero_returns_denoised_itself(name, eta):
    """From flow sigma = 1, where half-log-SNR is infinite, with every eta."""
    options = {"eta": eta, "flow": True} if eta else {}
    seen = []
    model = lambda x, s: seen.append(problem(True)(x, s)) or seen[-1]  # noqa: E731
    result = SOLVERS[name](model, f64([2.0, -1.0, 0.5]), f64(1.0, 0.7, 0.3, 0.0), **options)
    assert torch.equal(result, seen[-1]) and result.isfinite().all()
    assert result.data_ptr() != seen[-1].data_ptr()  # the model may keep its own


# ---- ancestral and SDE steps


@pytest.mark.parametrize("sigma, flow", [(9.0, False), (0.9, True), (1.0, True)])
@pytest.mark.parametrize("eta", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("name", STOCHASTIC)
def test_one_step_keeps_the_marginal_of_a_known_image(name, eta, sigma, flow):
    """All data at 0.25: x_next must be alpha_next * 0.25 plus old and fresh noise of total variance sigma_next^2."""
    alpha, sigma_next = 1 - sigma if flow else 1.0, 0.6
    alpha_next = 1 - sigma_next if flow else 1.0
    old = f64([0.0], [1.0], [0.0])
    result = SOLVERS[name](
        constant(0.25),
        alpha * 0.25 + sigma * old,
        f64(sigma, sigma_next),
        eta=eta,
        flow=flow,
        noise_sampler=lambda *_: f64([0.0], [0.0], [1.0]),
    )
    mean, kept, fresh = result[0], result[1] - result[0], result[2] - result[0]
    rho = sigma_next * alpha / (sigma * alpha_next)
    expected = 1 - rho ** (2 * eta) if name in SDE else min(1.0, eta**2 * (1 - rho**2))
    torch.testing.assert_close(mean, f64(alpha_next * 0.25))
    torch.testing.assert_close(fresh**2, f64(sigma_next**2 * expected))
    torch.testing.assert_close(kept**2 + fresh**2, f64(sigma_next**2), rtol=1e-12, atol=0)


def end_marginal(name, steps, eta, flow, last):
    """Exact mean and std of the solver's result on the Gaussian problem.

    Model and solver are affine in x, so sample i of the batch gets a unit of noise source i only (the initial x, then
    each step's fresh noise), and the variances add. The last sample gets none: the mean.
    """
    data = problem(flow)
    high = 1.0 if flow else 30.0
    sigmas = high * (last / high) ** torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    mean, std = data.marginal(high)
    x = mean.repeat(steps + 2, 1)
    x[0] += std
    sources = iter(range(1, steps + 1))

    def unit(_sigma, _sigma_next):
        noise = torch.zeros_like(x)
        noise[next(sources)] = 1
        return noise

    result = SOLVERS[name](data, x, sigmas, eta=eta, flow=flow, noise_sampler=unit)
    return result[-1], (result[:-1] - result[-1]).square().sum(0).sqrt(), data.marginal(last)


@pytest.mark.parametrize("flow", [False, True], ids=["ve", "flow"])
@pytest.mark.parametrize("eta", [0.5, 1.0])
@pytest.mark.parametrize("name", STOCHASTIC)
def test_the_marginal_converges_to_the_exact_one(name, eta, flow):
    """Order 1 for Euler, 2 for the others: 4 times the steps, 4 or 16 times less error in mean and std."""
    errors = []
    for steps in (40, 160):
        mean, std, (true_mean, true_std) = end_marginal(name, steps, eta, flow, 0.2)
        errors.append(((mean - true_mean) / true_std).abs().max() + (std / true_std - 1).abs().max())
    assert errors[0] < 0.06
    assert errors[0] / errors[1] > (3.5 if ORDERS[name] == 1 else 12)


@pytest.mark.parametrize("flow", [False, True], ids=["ve", "flow"])
@pytest.mark.parametrize("name", STOCHASTIC)
def test_samples_have_the_mean_and_std_of_the_data(name, flow):
    """With torch's own noise and eta 1; the standard errors are below 1 %, the last jump to 0 costs another 1 %."""
    torch.manual_seed(0)
    data, high = problem(flow), 1.0 if flow else 30.0
    mean, std = data.marginal(high)
    sigmas = torch.cat([high * (0.02 / high) ** torch.linspace(0, 1, 150, dtype=torch.float64), f64(0.0)])
    x = mean + std * torch.randn(12000, 3, dtype=torch.float64)
    samples = SOLVERS[name](data, x, sigmas, eta=1.0, flow=flow)
    assert ((samples.mean(0) - data.mean) / data.std).abs().max() < 0.04
    assert (samples.std(0) / data.std - 1).abs().max() < 0.04


@pytest.mark.parametrize("name", STOCHASTIC)
def test_the_noise_sampler_is_asked_only_when_noise_is_needed(name):
    x, sigmas = f64([2.0, -1.0, 0.5]), f64(2.0, 1.0, 0.5, 0.0)
    asked = []

    def sampler(sigma, sigma_next):
        asked.append((sigma.item(), sigma_next.item()))
        return torch.ones_like(x)

    run = partial(SOLVERS[name], problem(), x, sigmas, noise_sampler=sampler)
    run(eta=0.0)
    assert asked == []
    run(eta=1.0)
    assert asked == [(2.0, 1.0), (1.0, 0.5)]
    one_step = partial(SOLVERS[name], problem(), x, sigmas[:2], noise_sampler=sampler, eta=1.0)
    fresh = one_step(s_noise=3.0) - one_step(s_noise=0.0)
    torch.testing.assert_close(fresh, torch.full_like(fresh, 3 * math.sqrt(1 - 0.5**2)))


@pytest.mark.parametrize("name", STOCHASTIC)
def test_without_eta_flow_makes_no_difference_to_the_last_bit(name):
    sigmas = torch.linspace(1, 0, 30, dtype=torch.float64) ** 2
    run = partial(SOLVERS[name], problem(True), f64([2.0, -1.0, 0.5]), sigmas)
    assert torch.equal(run(flow=True), run(flow=False))


@pytest.mark.parametrize("name", STOCHASTIC)
def test_the_seed_decides_the_result(name):
    def run(seed):
        torch.manual_seed(seed)
        return SOLVERS[name](problem(), f64([2.0, -1.0, 0.5]), f64(2.0, 1.0, 0.5, 0.0), eta=1.0)

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


# ---- the contract: inputs, outputs, errors


@pytest.mark.parametrize("name", ALL)
def test_model_and_callback_see_what_k_diffusion_promises(name):
    x, sigmas = torch.randn(2, 3), torch.tensor([2.0, 1.0, 0.5, 0.0])
    calls, steps = [], []

    def model(x, sigma, scale):
        assert sigma.shape == (2,) and sigma.dtype == torch.float32 and sigma[0] == sigma[1]
        calls.append(sigma[0].item())
        return scale * x / (1 + sigma[:, None])

    record = lambda step: steps.append((len(calls), step))  # noqa: E731
    SOLVERS[name](model, x, sigmas, extra_args={"scale": 0.5}, callback=record, disable=True)
    per_step = 2 if name in TWO_STAGE else 1
    assert calls[::per_step] == [2.0, 1.0, 0.5] and len(calls) == 2 * per_step + 1
    assert [count for count, _ in steps] == [1, 1 + per_step, 1 + 2 * per_step]
    for i, (_, step) in enumerate(steps):
        assert set(step) == {"x", "i", "sigma", "sigma_hat", "denoised"}
        assert step["i"] == i and step["sigma"] == step["sigma_hat"] == sigmas[i]
        torch.testing.assert_close(step["denoised"], 0.5 * step["x"] / (1 + sigmas[i]))
    assert torch.equal(steps[0][1]["x"], x)


LATENTS = [(3, 4), (2, 4, 5), (2, 4, 5, 3), (1, 4, 2, 3, 5)]


@pytest.mark.parametrize("shape", LATENTS, ids=lambda shape: f"{len(shape)}-D")
@pytest.mark.parametrize("name", ALL)
def test_any_layout_gives_the_same_numbers_and_x_is_left_alone(name, shape):
    torch.manual_seed(0)
    data, sigmas = Gaussian(f64(0.3), f64(0.7)), f64(3.0, 2.0, 0.5, 0.1)
    x = torch.randn(*shape[:-2], shape[-1], 2 * shape[-2], dtype=torch.float64)[..., ::2].mT
    assert x.shape == shape and not x.is_contiguous()
    kept = x.clone()
    result = SOLVERS[name](data, x, sigmas)
    assert result.shape == shape and torch.equal(x, kept) and x._version == 0
    flat = SOLVERS[name](data, x.reshape(-1, 1), sigmas)
    torch.testing.assert_close(result.reshape(-1, 1), flat, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ALL)
def test_half_precision_is_integrated_in_float32(name, dtype):
    """300 steps toward a constant would round away in half precision; in float32 only the two ends are rounded."""
    seen = set()

    def model(x, sigma):
        seen.add((x.dtype, sigma.dtype))
        return torch.full_like(x, 0.25)

    x = torch.tensor([[2.0, -1.0]], dtype=dtype)
    sigmas = torch.linspace(1.0, 0.5, 301, dtype=torch.float64)
    result = SOLVERS[name](model, x, sigmas)
    assert result.dtype == dtype and seen == {(dtype, torch.float32)}
    torch.testing.assert_close(result, (0.25 + (x.double() - 0.25) / 2).to(dtype), rtol=0, atol=0)


@pytest.mark.parametrize("sigma_dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", ALL)
def test_float64_stays_float64_whatever_the_sigmas_are(name, sigma_dtype):
    sigmas = torch.tensor([3.0, 2.0, 0.5, 0.125], dtype=sigma_dtype)
    x = f64([2.0, -1.0, 0.5])
    result = SOLVERS[name](problem(), x, sigmas)
    assert result.dtype == torch.float64
    assert torch.equal(result, SOLVERS[name](problem(), x, sigmas.double()))


@pytest.mark.parametrize("name", ALL)
def test_the_schedule_is_read_once_and_no_gradient_is_kept(name, monkeypatch):
    reads = []
    for method in ("tolist", "item", "__float__", "__bool__", "__int__", "cpu", "numpy"):
        original = getattr(torch.Tensor, method)
        spy = lambda self, *args, original=original, method=method: reads.append(method) or original(self, *args)  # noqa: E731
        monkeypatch.setattr(torch.Tensor, method, spy)
    options = {"eta": 1.0} if name in STOCHASTIC else {}
    x = torch.ones(1, 3, dtype=torch.float64, requires_grad=True)
    result = SOLVERS[name](problem(), x, f64(3.0, 2.0, 1.0, 0.5), callback=lambda step: None, **options)
    assert reads == ["tolist"]
    assert not result.requires_grad and torch.is_grad_enabled()


BAD_SIGMAS = [
    (torch.ones(2, 2), "sigmas has shape (2, 2); expected one dimension with at least two entries"),
    (f64(1.0), "sigmas has shape (1,); expected one dimension with at least two entries"),
    (f64(3.0, math.nan, 1.0), "non-finite sigma nan at index 1; expected finite sigmas"),
    (f64(math.inf, 1.0), "non-finite sigma inf at index 0; expected finite sigmas"),
    (f64(3.0, 1.0, -0.5), "negative sigma -0.5 at index 2; expected sigmas >= 0"),
    (f64(3.0, 1.0, 0.5, 0.5), "repeated sigma 0.5 at index 3; expected strictly decreasing sigmas"),
    (f64(3.0, 1.0, 2.0), "increasing sigma 2.0 at index 2; expected strictly decreasing sigmas"),
    (f64(3.0, 0.0, 0.0), "sigma 0 at index 1 of 3; expected only the last sigma to be 0"),
]


@pytest.mark.parametrize("sigmas, message", BAD_SIGMAS, ids=lambda value: value[:20] if isinstance(value, str) else "")
@pytest.mark.parametrize("name", ALL)
def test_a_bad_schedule_is_refused_with_value_and_index(name, sigmas, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        SOLVERS[name](problem(), torch.ones(1, 3), sigmas)


BAD_OPTIONS = [
    ("euler", {"flow": True}, "sigma 3.0 at index 0; expected sigmas in [0, 1] on a flow model"),
    ("euler", {"eta": -0.5}, "eta is -0.5; expected a finite value >= 0"),
    ("dpmpp_2m", {"s_noise": math.inf}, "s_noise is inf; expected a finite value >= 0"),
    ("lms", {"order": 5}, "order 5; expected an integer from 1 to 4"),
    ("res_2s", {"c2": 0.0}, "stage position 0.0; expected a value in (0, 1]"),
    ("dpmpp_2s", {"r": 1.5}, "stage position 1.5; expected a value in (0, 1]"),
]


@pytest.mark.parametrize("name, options, message", BAD_OPTIONS)
def test_a_bad_option_is_refused(name, options, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        SOLVERS[name](problem(), torch.ones(1, 3), f64(3.0, 1.0), **options)


def test_integer_latents_are_refused():
    with pytest.raises(ValueError, match="^x has dtype torch.int64 and shape .*; expected a floating-point batch$"):
        SOLVERS["euler"](problem(), torch.ones(1, 3, dtype=torch.int64), f64(3.0, 1.0))


def test_the_registry():
    names = "euler, ddim, dpmpp_2m, dpmpp_2s, lms, ab2, res_2m, res_3m, res_2s"
    assert list(SOLVERS) == names.split(", ") and all(get(name) is SOLVERS[name] for name in SOLVERS)
    with pytest.raises(ValueError, match=f'^unknown sampler "foo"; expected one of {names}$'):
        get("foo")


def test_solvers_need_only_torch_and_the_standard_library():
    for path in (Path(__file__).parents[1] / "samplers").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= 1, path
                modules = [] if node.level else [node.module]
            else:
                continue
            assert all(m.split(".")[0] in {"torch", *sys.stdlib_module_names} for m in modules), path


@pytest.mark.parametrize("name", ALL)
def test_each_solver_has_an_example_and_types(name):
    assert ">>>" in SOLVERS[name].__doc__
    assert not [p for p in inspect.signature(SOLVERS[name]).parameters.values() if p.annotation is p.empty]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("sigma_device", ["cpu", "cuda"])
@pytest.mark.parametrize("name", ALL)
def test_cuda_gives_the_cpu_result(name, sigma_device):
    x, sigmas = f64([2.0, -1.0, 0.5]), f64(3.0, 2.0, 1.0, 0.5, 0.0)
    expected = SOLVERS[name](problem(), x, sigmas)
    data = Gaussian(problem().mean.cuda(), problem().std.cuda())
    result = SOLVERS[name](data, x.cuda(), sigmas.to(sigma_device))
    assert result.is_cuda
    torch.testing.assert_close(result.cpu(), expected, rtol=1e-12, atol=1e-12)
    if name in STOCHASTIC:
        half = SOLVERS[name](data, x.cuda().half(), sigmas.to(sigma_device), eta=1.0)
        assert half.dtype == torch.float16 and half.is_cuda and half.isfinite().all()
