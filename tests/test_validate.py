"""Each validator rejects what it should, keeps what it should, and says why."""

import math

import pytest
from comfyui_fsampler.fsampler.measure import ForecastFigures
from comfyui_fsampler.fsampler.paper import rejection

CASES = [  # norm of the prediction, of the last REAL value, cosine, reason
    (1.0, 1.0, 1.0, None),
    (math.nan, 1.0, 1.0, "not finite"),
    (math.inf, 1.0, 1.0, "not finite"),
    (1.0, math.nan, 1.0, "not finite"),
    (9e-9, 9e-9, 1.0, "norm 9.0e-09 < 1e-08"),
    (1.1e-8, 1.1e-8, 1.0, None),
    (0.9e-6, 1.0, 1.0, "norm ratio 9.0e-07 < 1e-06"),
    (1.1e-6, 1.0, 1.0, None),
    (50.5, 1.0, 1.0, "norm ratio 50.5 > 50"),
    (49.5, 1.0, 1.0, None),
    (1.0, 0.0, 1.0, "norm ratio 100000000.0 > 50"),
    (2.0, 1.0, -0.92, "cosine -0.92 < -0.9"),
    (2.0, 1.0, -0.48, None),
    (2.0, 1.0, 0.0, None),
]


@pytest.mark.parametrize("length, last, cosine, reason", CASES)
def test_every_validator_alone_and_in_any_sample_of_a_batch(length, last, cosine, reason):
    product = cosine * length * last
    assert rejection(ForecastFigures([length], [last], [product]), direction=True) == reason
    assert (
        rejection(ForecastFigures([1.0, length, 1.0], [1.0, last, 1.0], [1.0, product, 1.0]), direction=True) == reason
    )


def test_the_direction_of_a_residual_is_not_checked():
    turned = ForecastFigures([2.0], [1.0], [-2.0])
    assert rejection(turned, direction=False) is None and rejection(turned, direction=True) == "cosine -1.00 < -0.9"
