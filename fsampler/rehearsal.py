"""What a sampler makes of the answers it gets: known after running it once on latents of one element, without a model.

A sampler of the probability-flow ODE is linear in its answers, whatever its order: the state at evaluation m is
``c_m x + sum_j W_mj denoised_j``, with c_m near ``sigma_m / sigma_0``. W says what an error of answer j has done to the
state, and which answers move the state by what is wanted although the sampler remembers them (multistep methods) or
gives some of them no weight (the first of a DPM++ 2S step).
"""

import torch

from .clock import Clock, check_schedule
from .history import coincide

MOST = 4  # evaluations a step
MEMORY = 4  # answers that a sampler may remember: so many negligible ones in a row are the end
OTHERS = 3  # rows that are not there for one evaluation
NEGLIGIBLE = 1e-3
CLOSE = 1e-3  # float32 and a last sigma near 0 leave less
SETBACKS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class OneStep:
    """A sampler of which little is known: every answer moves the state straight to the end of its step.

    noisy: whether it is known to add noise. evaluations: see ``Rehearsed``; None where they are not known.
    """

    def __init__(self, noisy=False, evaluations=None):
        self.noisy, self.evaluations = noisy, evaluations

    def effect(self, _evaluation, sigma, sigma_next):
        """The state's error at ``sigma_next`` over ``sigma_next``, for an error 1 of ``denoised`` at ``sigma``; carried
        on at fixed ``denoised`` it grows with sigma."""
        return 1 / sigma_next - 1 / sigma

    def landing(self, _evaluation, sigma, sigma_next):
        """What to add to the answer at ``sigma`` and to those after it, so that the state goes on as if 1 had been
        added to it at ``sigma``."""
        return (1 / (sigma / sigma_next - 1),)


class Rehearsed:
    """A sampler known by its rehearsal; methods as ``OneStep``'s.

    schedule: the run's sigmas. sigmas, steps: of its E evaluations. carried, weights: c ``[E + 1]`` and W
    ``[E + 1][E]``, the last row of the result. evaluations: each step's, ``(sigma, share of the step's effect)``.
    """

    noisy = False

    def __init__(self, schedule, sigmas, steps, carried, weights):
        self.steps, self.carried, self.weights = steps, carried, weights
        self.starts = [schedule[step] for step in self.steps]
        self.shares = [self._share(evaluation) for evaluation in range(len(sigmas))]
        self.evaluations = _by_step(self.steps, zip(sigmas, self.shares, strict=True))

    def _share(self, evaluation):
        """Of its step, by the weights of the step's answers at its end."""
        inside = [j for j, step in enumerate(self.steps) if step == self.steps[evaluation]]
        end = self.weights[inside[-1] + 1]
        return end[evaluation] / sum(end[j] for j in inside)

    def effect(self, evaluation, _sigma, sigma_next):
        """``OneStep``'s for the whole step, shared out among its evaluations."""
        return self.shares[evaluation] * (1 / sigma_next - 1 / self.starts[evaluation])

    def landing(self, evaluation, _sigma, _sigma_next):
        """Solved row by row: each answer makes the next state right, given what those before it do there."""
        added = []
        for m in range(evaluation + 1, len(self.weights)):
            row, wanted = self.weights[m], self.carried[m] / self.carried[evaluation]
            wanted -= sum(weight * share for weight, share in zip(row[evaluation:], added, strict=False))
            added.append(wanted / row[m - 1])
            if max(map(abs, added[-MEMORY:])) < NEGLIGIBLE * abs(added[0]):
                break
        while abs(added[-1]) < NEGLIGIBLE * abs(added[0]):
            added.pop()
        return tuple(added)


def rehearse(solver, sigmas, dimensions=4, *, model=None, extra_args=None, **options):
    """``(sampler, note)``: what ``solver`` (k-diffusion's signature) makes of answers over ``sigmas``, and None; or a
    ``OneStep`` and why.

    dimensions: of the latents. model: what the solver may read attributes of; it is not called. options: the solver's.
    A sampler that adds noise is a ``OneStep`` without a note: it is not corrected. So is one with a ``noise_sampler``,
    whose noise has the shape and the order of the run. No random number of the run is used.
    """
    schedule = check_schedule(sigmas)
    if options.get("noise_sampler") is not None:
        return OneStep(), None
    try:
        return _known(schedule, *_run(solver, schedule, dimensions, model, {**(extra_args or {})}, options)), None
    except SETBACKS as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        return OneStep(), f"sampler not rehearsed, corrected as a one-step method: {kind}{error}"


def _steps(schedule, sigmas):
    """The step of each evaluation."""
    clock = Clock(schedule)
    clock.shares_ends = any(a == b for a, b in zip(sigmas, sigmas[1:], strict=False))
    return [*map(clock.locate, sigmas)]


def _by_step(steps, items):
    """Each step's items, of one an evaluation."""
    found = [[] for _ in range(steps[-1] + 1)]
    for step, item in zip(steps, items, strict=True):
        found[step].append(item)
    return tuple(map(tuple, found))


def _irregular(schedule, found, steps):
    """Why no step-by-step account can be given of evaluations at these sigmas, or None."""
    if any(later > sigma and not coincide(later, sigma) for sigma, later in zip(found, found[1:], strict=False)):
        return "it returns to a sigma it had left"  # heunpp2: shares of no clear step cost it 14 dB
    started = all(any(coincide(sigma, other) for other in found) for sigma in schedule[1:-1])
    if not started or len({*steps}) < len(schedule) - 1:
        return "its steps are not the schedule's"
    return None


def _known(schedule, found, states):
    """The sampler from what ``_run`` returns. Raises ValueError where W would not describe it."""
    ones, zeros, carried, weights = *states[:, :OTHERS].unbind(dim=1), states[:, OTHERS : OTHERS + len(found)]
    steps = _steps(schedule, found)
    irregular = _irregular(schedule, found, steps)
    if zeros.any():
        each = None if irregular else _by_step(steps, [(sigma, 1.0) for sigma in found])
        return OneStep(noisy=True, evaluations=each)
    # a constant answer is a fixed point of every method; where c and W say so too, they are all there is to know
    off = (ones - 1).abs() + (carried + weights.sum(dim=1) - 1).abs()
    if not off.max() < CLOSE:  # or nan
        raise ValueError("its states are not linear in the model's answers")
    if not weights.diagonal(-1).abs().min() > CLOSE**2:
        raise ValueError("it makes nothing of an answer before the next")
    if not carried[:-1].all():
        raise ValueError("it drops its state")
    if irregular:
        raise ValueError(irregular)
    return Rehearsed(schedule, found, steps, carried.tolist(), weights.tolist())


class _Answers:
    """The model of a rehearsal. Rows begin at 1 and are answered 1; at 0 and 0; at 1 and 0; row ``OTHERS + j`` begins
    at 0 and is answered 1 at evaluation j, 0 at the others.
    """

    def __init__(self, model):
        self._model, self._sigmas, self._states = model, [], []

    def __call__(self, x, sigma, *_, **__):
        if len(self._sigmas) == len(x) - OTHERS:
            raise ValueError(f"more than {MOST} evaluations a step")
        answer = torch.zeros_like(x)
        answer[0] = answer[OTHERS + len(self._sigmas)] = 1
        self._sigmas.append(float(sigma.flatten()[0]))
        self._states.append(x.flatten().clone())
        return answer

    def __getattr__(self, name):
        return getattr(self._model, name)


@torch.no_grad()
def _run(solver, schedule, dimensions, model, extra_args, options):
    """The sigmas of all evaluations and the states at them and at the end, ``[E + 1, rows]``."""
    sigmas, answers = torch.tensor(schedule), _Answers(model)
    x = torch.zeros(OTHERS + MOST * len(schedule), *[1] * (dimensions - 1))
    x[0] = x[2] = 1
    with torch.random.fork_rng(devices=[]):
        last = solver(answers, x, sigmas, extra_args=extra_args, callback=None, disable=True, **options)
    return answers._sigmas, torch.stack([*answers._states, last.flatten()])
