"""Is a prediction fit for use? The paper's validators (arXiv 2511.09180, section 3), each judged on the worst sample.

The cosine check against the last REAL value is promised by the original's documents and missing from its code. Here it
exists, for the spaces whose values keep their direction; the paper's residual may rightly turn about as it crosses 0.
"""

import math

SMALLEST_NORM = 1e-8
SMALLEST_RATIO, LARGEST_RATIO = 1e-6, 50.0
SMALLEST_COSINE = -0.9


def rejection(norms, last_norms, products):
    """Why the prediction must not be used, or None.

    norms, last_norms: Euclidean norm of each sample's prediction and last REAL value, in the space extrapolated.
    products: their inner products; None leaves the direction unchecked. A rejected SKIP becomes a REAL call,
    or holds the last REAL value where the number of calls is fixed (``calls:N``).
    """
    for length, last, product in zip(norms, last_norms, products or norms, strict=True):
        if not (math.isfinite(length) and math.isfinite(product)):
            return "not finite"
        if length < SMALLEST_NORM:
            return f"norm {length:.1e} < {SMALLEST_NORM:.0e}"
        if length < SMALLEST_RATIO * last:
            return f"norm ratio {length / last:.1e} < {SMALLEST_RATIO:.0e}"
        if length > LARGEST_RATIO * last:
            return f"norm ratio {length / max(last, SMALLEST_NORM):.1f} > {LARGEST_RATIO:.0f}"
        if products and product < SMALLEST_COSINE * length * last:
            return f"cosine {product / (length * last):.2f} < {SMALLEST_COSINE}"
    return None
