"""Published methods that leave out model calls, each as its authors' formula, to measure ours against.

A method is a predictor (the engine's ``Predictor``) and a rule for its REAL steps; each file names the paper, its
equation and what differs from the authors' code. The engine runs them: a policy that knows the steps
(``steps.AtSteps``), no correction, no guidance term.

``v`` is our epsilon, ``(x - denoised) / sigma``: on flow models the velocity.
"""
