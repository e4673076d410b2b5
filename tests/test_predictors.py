"""Lagrange weights against the paper's coefficients and against polynomials."""

import pytest
import torch
from comfyui_fsampler.fsampler import Config
from comfyui_fsampler.fsampler.forecast import Forecaster
from comfyui_fsampler.fsampler.history import Entry, History, lagrange_weights, usable_order
from comfyui_fsampler.fsampler.measure import weighted_sum
from toys import predicted, remember

PAPER = {2: [-1, 2], 3: [1, -3, 3], 4: [-1, 4, -6, 4]}  # oldest first
UNEVEN = [14.6, 9.1, 8.7, 2.0]


def entries(values, nodes):
    return [
        Entry(node, torch.tensor([[value]], dtype=torch.float64)) for node, value in zip(nodes, values, strict=True)
    ]


@pytest.mark.parametrize("order", PAPER)
@pytest.mark.parametrize("origin, step", [(0, 1), (5, 1), (3.0, -0.25)])
def test_equal_steps_give_the_papers_coefficients(order, origin, step):
    nodes = [origin + step * i for i in range(order)]
    assert lagrange_weights(nodes, origin + step * order) == pytest.approx(PAPER[order], abs=1e-12)


@pytest.mark.parametrize("order", PAPER)
@pytest.mark.parametrize("at", [1.3, 0.01, 8.9, 20.0])
def test_polynomials_are_reproduced_at_uneven_nodes(order, at):
    nodes = UNEVEN[-order:]
    weights = lagrange_weights(nodes, at)
    assert sum(weights) == pytest.approx(1, abs=1e-10)
    for degree in range(order):
        expected = at**degree
        scale = sum(abs(w) * node**degree for w, node in zip(weights, nodes, strict=True))
        assert sum(w * n**degree for w, n in zip(weights, nodes, strict=True)) == pytest.approx(
            expected, abs=1e-12 * scale
        )
    missed = sum(w * n**order for w, n in zip(weights, nodes, strict=True)) - at**order
    assert abs(missed) > 1e-6  # and no more than that


@pytest.mark.parametrize("order", PAPER)
def test_at_a_node_the_value_itself_comes_back(order):
    for i, node in enumerate(UNEVEN[-order:]):
        assert lagrange_weights(UNEVEN[-order:], node) == [float(i == j) for j in range(order)]


@pytest.mark.parametrize("order", PAPER)
def test_the_first_weights_alone_are_those_of_all(order):
    for count in range(order + 1):
        assert lagrange_weights(UNEVEN[-order:], 1.5, count) == lagrange_weights(UNEVEN[-order:], 1.5)[:count]


def test_a_tensor_position_gives_tensor_weights():
    weights = lagrange_weights([3.0, 2.0], torch.tensor(1.0, dtype=torch.float64))
    assert all(isinstance(weight, torch.Tensor) for weight in weights)
    assert [float(weight) for weight in weights] == [-1, 2]


@pytest.mark.parametrize("nodes", [[1.0, 1.0], [3.0, 2.0, 3.0], [4.0, 3.0, 2.0, 2.0]])
def test_coinciding_nodes_are_refused(nodes):
    with pytest.raises(ValueError, match=r"^nodes \[.*\] coincide; expected distinct values$"):
        lagrange_weights(nodes, 0.5)


@pytest.mark.parametrize(
    "order, ladder",
    [
        (2, [None, None, 2, 2, 2, 2]),
        (3, [None, None, 2, 3, 3, 3]),
        (4, [None, None, 2, 3, 4, 4]),
    ],
)
def test_the_ladder_never_goes_below_h2(order, ladder):
    assert [usable_order(order, count) for count in range(6)] == ladder


@pytest.mark.parametrize("order", PAPER)
def test_the_newest_entries_take_part(order):
    values = [7.0, 1.0, -2.0, 5.0, 0.5]
    held = entries(values, [16.0, *UNEVEN])
    for nodes, weights in (("index", PAPER[order]), ("sigma", lagrange_weights(UNEVEN[-order:], 1.5))):
        history = History("denoised", 5, nodes)
        history.entries = held
        expected = sum(w * v for w, v in zip(weights, values[-order:], strict=True))
        assert float(history.extrapolate(1.5, order)) == pytest.approx(expected)


@pytest.mark.parametrize("order", PAPER)
@pytest.mark.parametrize("nodes", [UNEVEN, [1.0, 2.0, 3.0, 4.0]])
def test_weighted_values_follow_a_polynomial_each_sample_at_its_own_place(order, nodes):
    at = torch.tensor([1.3, 9.4], dtype=torch.float64).reshape(2, 1, 1)
    scale = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(order), dtype=torch.float64)
    curve = lambda sigma: scale * sum((i + 1) * sigma**i for i in range(order))  # noqa: E731
    values = [curve(node) for node in nodes[-order:]]
    torch.testing.assert_close(weighted_sum(values, lagrange_weights(nodes[-order:], at, order - 1)), curve(at))


@pytest.mark.parametrize("order", PAPER)
@pytest.mark.parametrize("nodes", ["sigma", "index"])
def test_the_trend_scales_the_change_since_the_newest_value_at_every_order(order, nodes):
    forecaster = Forecaster(Config.parse("calls:9", order=order, nodes=nodes, space="denoised"), flow=False)
    values = torch.randn(order, 2, 3, generator=torch.Generator().manual_seed(order), dtype=torch.float64)
    for sigma, value in zip(UNEVEN[-order:], values, strict=True):
        remember(forecaster, sigma, value)
    weights = PAPER[order] if nodes == "index" else lagrange_weights(UNEVEN[-order:], 1.5)
    bare = sum(weight * value for weight, value in zip(weights, values, strict=True))
    torch.testing.assert_close(predicted(forecaster, values[-1], 1.5), bare)
    gain = forecaster.predictor.trend_gain = torch.tensor([[0.0], [0.7]], dtype=torch.float64)
    torch.testing.assert_close(predicted(forecaster, values[-1], 1.5), torch.lerp(values[-1], bare, gain))
