"""How a sampler responds to the answers it gets, probed by running it once without a model, on one-element latents.

A sampler of the probability-flow ODE is linear in its answers, whatever its order: the state at evaluation m is
``c_m x + sum_j W_mj denoised_j``, with c_m near ``sigma_m / sigma_0``. W says what an error of answer j has done to the
state, and which answers move the state by what is wanted although the sampler remembers them (multistep methods) or
gives some of them no weight (the first of a DPM++ 2S step).

A sampler that remembers one answer (DPM++ 2M, RES 2M) uses an error twice, the second time against the first. What is
left then, the settled effect, is Euler's while steps are alike, but before a step that is much longer in log sigma many
times as much.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from .location import Evaluations, nearest, steps_of
from .notes import Note
from .schedule import check_schedule, coincide

MAX_STAGES = 4  # evaluations a step
MEMORY = 4  # answers that a sampler may remember: stop after so many negligible terms in a row
NEGLIGIBLE = 1e-3  # of the first term
CONTROL_ROWS = 3  # rows of a probe that belong to no evaluation
CLOSE = 1e-3  # what float32 and a last sigma near 0 leave of an exact equality
SETBACKS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)

Points = tuple[tuple[tuple[float, float], ...], ...]  # of each step, its evaluations: (sigma, effect over Euler's)
Item = TypeVar("Item")


class Response(Protocol):
    """What is known of a sampler.

    adds_noise: it is known to add noise. evaluations: those of the whole run, as ``(sigma, step)``. points: of each
    step, the evaluations as ``(sigma, its effect over Euler's for the step)``. Both are None where they are not known.
    """

    adds_noise: bool
    evaluations: Evaluations | None
    points: Points | None

    def effect(self, evaluation: int, sigma: float, sigma_next: float) -> float:
        """The state's error at ``sigma_next``, the step's end, over ``sigma_next``, for an error 1 of ``denoised`` at
        this evaluation; carried on at fixed ``denoised`` that error grows with sigma."""

    def correction(self, evaluation: int, sigma: float, sigma_next: float) -> tuple[float, ...]:
        """What to add to the answer of this evaluation and of those after it, so that the state goes on as if 1 had
        been added to it at this one."""


class EulerResponse:
    """Of a sampler of which little is known: every answer moves the state straight to the end of its step."""

    def __init__(
        self, adds_noise: bool = False, points: Points | None = None, evaluations: Evaluations | None = None
    ) -> None:
        self.adds_noise, self.points, self.evaluations = adds_noise, points, evaluations

    def effect(self, evaluation: int, sigma: float, sigma_next: float) -> float:
        return 1 / sigma_next - 1 / sigma

    def correction(self, evaluation: int, sigma: float, sigma_next: float) -> tuple[float, ...]:
        return (1 / (sigma / sigma_next - 1),)


class LinearResponse:
    """Of a sampler that was probed.

    schedule: the run's sigmas. sigmas, steps: of its E evaluations. carried, weights: c ``[E + 1]`` and W
    ``[E + 1][E]``; their last row is the result. shares: of each evaluation, its effect over Euler's for its step.
    """

    adds_noise = False

    def __init__(
        self,
        schedule: Sequence[float],
        sigmas: Sequence[float],
        steps: Sequence[int],
        carried: Sequence[float],
        weights: Sequence[Sequence[float]],
    ) -> None:
        self.steps, self.carried, self.weights = steps, carried, weights
        self.starts = [schedule[step] for step in steps]
        self.evaluations: Evaluations | None = tuple(zip(sigmas, steps, strict=True))
        settled = self._settled(schedule, sigmas)
        self.shares = settled or [self._share(evaluation) for evaluation in range(len(sigmas))]
        # What settles is in between in the states that the model sees: no step counts as less than Euler's.
        stages = Counter(steps)
        planned = [
            max(abs(share), 1.0) if stages[step] == 1 else share for share, step in zip(self.shares, steps, strict=True)
        ]
        self.points: Points | None = _by_step(steps, zip(sigmas, planned, strict=True))

    def _share(self, evaluation: int) -> float:
        """An evaluation's share of its step, by the weights of the step's answers at its end."""
        inside = [j for j, step in enumerate(self.steps) if step == self.steps[evaluation]]
        end = self.weights[inside[-1] + 1]
        return end[evaluation] / sum(end[j] for j in inside)

    def _settled(self, schedule: Sequence[float], sigmas: Sequence[float]) -> list[float] | None:
        """The shares once the sampler has forgotten the answers; None where it remembers more than one step's."""
        shares, pairs = [], enumerate(zip(self.steps, self.steps[1:], strict=False), 1)
        begin = [j for j, (before, step) in pairs if step > before and coincide(sigmas[j], schedule[step])]
        for evaluation, step in enumerate(self.steps):
            first = bisect.bisect_right(begin, evaluation)
            effects = [
                self.weights[m][evaluation] / (self.carried[m] * sigmas[0]) for m in begin[first : first + MEMORY + 1]
            ]
            forgotten = effects[1:] or effects  # what the last steps leave is not remembered by any other
            if forgotten and max(forgotten) - min(forgotten) > CLOSE * max(map(abs, forgotten)):
                return None
            euler = 1 / schedule[step + 1] - 1 / schedule[step] if schedule[step + 1] else 0.0
            shares.append(forgotten[0] / euler if forgotten and euler else self._share(evaluation))
        return shares

    def effect(self, evaluation: int, sigma: float, sigma_next: float) -> float:
        """``EulerResponse``'s for the whole step, shared out among its evaluations, as it settles."""
        return self.shares[evaluation] * (1 / sigma_next - 1 / self.starts[evaluation])

    def correction(self, evaluation: int, sigma: float, sigma_next: float) -> tuple[float, ...]:
        """Forward substitution in W: each answer makes the next state right, given what those before it do there."""
        added: list[float] = []
        for m in range(evaluation + 1, len(self.weights)):
            row, wanted = self.weights[m], self.carried[m] / self.carried[evaluation]
            wanted -= sum(weight * share for weight, share in zip(row[evaluation:], added, strict=False))
            added.append(wanted / row[m - 1])
            if max(map(abs, added[-MEMORY:])) < NEGLIGIBLE * abs(added[0]):
                break
        while abs(added[-1]) < NEGLIGIBLE * abs(added[0]):
            added.pop()
        return tuple(added)


def probe(
    solver: Callable[..., Tensor],
    sigmas: Tensor | Sequence[float],
    dimensions: int = 4,
    *,
    model: object = None,
    extra_args: Mapping[str, Any] | None = None,
    solver_options: Mapping[str, Any] | None = None,
) -> tuple[Response, Note | None]:
    """What ``solver`` (k-diffusion's signature) makes of answers over ``sigmas``, and None; or an ``EulerResponse`` and
    why it could not be known.

    dimensions: of the latents. model: what the solver may read attributes of; it is not called. extra_args: what the
    solver passes on to the model. solver_options: its own options (eta). No random number of the run is used.

    Noisy samplers, and those given a ``noise_sampler``, are not probed to the end: they are not corrected, so an
    ``EulerResponse`` serves them, without a note.

    >>> def euler(model, x, sigmas, extra_args, callback, disable):
    ...     for sigma, sigma_next in zip(sigmas, sigmas[1:]):
    ...         x = torch.lerp(model(x, sigma), x, sigma_next / sigma)
    ...     return x
    >>> response, note = probe(euler, [4.0, 2.0, 1.0, 0.0])
    >>> response.points, response.correction(1, 2.0, 1.0)  # one evaluation a step; one answer corrects the state
    ((((4.0, 1.0),), ((2.0, 1.0),), ((1.0, 1.0),)), (1.0,))
    """
    schedule, options = check_schedule(sigmas), {**(solver_options or {})}
    if options.get("noise_sampler") is not None:
        return EulerResponse(), None
    try:
        found, states = _run(solver, schedule, dimensions, model, {**(extra_args or {})}, options)
        return _known(schedule, found, states)
    except SETBACKS as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        return unknown(f"{kind}{error}")


def unknown(why: str) -> tuple[Response, Note]:
    """As ``probe`` where it could not be known: the ``EulerResponse``, and the note that says why."""
    return EulerResponse(), _why_unknown(why)


def _why_unknown(why: str) -> Note:
    return Note("sampler-unknown", f"sampler not rehearsed, corrected as a one-step method: {why}")


def _by_step(steps: Sequence[int], items: Iterable[Item]) -> tuple[tuple[Item, ...], ...]:
    """Each step's items, from one an evaluation."""
    found: list[list[Item]] = [[] for _ in range(steps[-1] + 1)]
    for step, item in zip(steps, items, strict=True):
        found[step].append(item)
    return tuple(map(tuple, found))


def _begins_each(schedule: Sequence[float], found: Sequence[float]) -> bool:
    """Whether there is an evaluation at the beginning of each step."""
    ascending = [-sigma for sigma in schedule]
    steps = [nearest(ascending, sigma) for sigma in found]
    begun = {step for step, sigma in zip(steps, found, strict=True) if coincide(sigma, schedule[step])}
    return begun.issuperset(range(1, len(schedule) - 1))


def _irregular(schedule: Sequence[float], found: Sequence[float], steps: Sequence[int], begins: bool) -> str | None:
    """Why no step-by-step account can be given of evaluations at these sigmas, or None."""
    if any(later > sigma and not coincide(later, sigma) for sigma, later in zip(found, found[1:], strict=False)):
        return "it returns to a sigma it had left"  # heunpp2: shares of no clear step cost it 14 dB
    if not begins or len({*steps}) < len(schedule) - 1:
        return "its steps are not the schedule's"
    return None


def _known(schedule: Sequence[float], found: Sequence[float], states: Tensor) -> tuple[Response, Note | None]:
    """The response from what ``_run`` returns. Raises ValueError where W would not describe the sampler."""
    ones, zeros, carried = states[:, :CONTROL_ROWS].unbind(dim=1)
    weights = states[:, CONTROL_ROWS : CONTROL_ROWS + len(found)]
    steps, begins = steps_of(schedule, found), _begins_each(schedule, found)
    irregular, evaluations = _irregular(schedule, found, steps, begins), tuple(zip(found, steps, strict=True))
    if zeros.any():
        points = None if irregular else _by_step(steps, [(sigma, 1.0) for sigma in found])
        known = evaluations if begins else None  # it might tell other sigmas than its states'
        return EulerResponse(adds_noise=True, points=points, evaluations=known), None
    # A constant answer is a fixed point of every method; where c and W say so too, they are all there is to know.
    off = (ones - 1).abs() + (carried + weights.sum(dim=1) - 1).abs()
    if not off.max() < CLOSE:  # or nan
        raise ValueError("its states are not linear in the model's answers")
    if not weights.diagonal(-1).abs().min() > CLOSE**2:
        raise ValueError("it makes nothing of an answer before the next")
    if not carried[:-1].all():
        raise ValueError("it drops its state")
    moved = any(abs(c * found[0] - sigma) > CLOSE * sigma for c, sigma in zip(carried.tolist(), found, strict=False))
    if moved and not begins:  # ipndm_v's states are a little off its own sigmas
        raise ValueError("it tells the model other sigmas than its states have")
    if irregular:
        return EulerResponse(evaluations=evaluations), _why_unknown(irregular)
    return LinearResponse(schedule, found, steps, carried.tolist(), weights.tolist()), None


class _Answers:
    """The model of a probe. The control rows begin at 1 and are answered 1; at 0 and 0; at 1 and 0. Row
    ``CONTROL_ROWS + j`` begins at 0 and is answered 1 at evaluation j, 0 at the others: an impulse response.
    """

    def __init__(self, model: object) -> None:
        self._model = model
        self._sigmas: list[float] = []
        self._states: list[Tensor] = []

    def __call__(self, x: Tensor, sigma: Tensor, *_: object, **__: object) -> Tensor:
        if len(self._sigmas) == len(x) - CONTROL_ROWS:
            raise ValueError(f"more than {MAX_STAGES} evaluations a step")
        answer = torch.zeros_like(x)
        answer[0] = answer[CONTROL_ROWS + len(self._sigmas)] = 1
        self._sigmas.append(float(sigma.flatten()[0]))
        self._states.append(x.flatten().clone())
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _unseen(_progress: object) -> None:
    """The callback: a probe shows nothing, but samplers of other packs count on being given one."""


@torch.no_grad()
def _run(
    solver: Callable[..., Tensor],
    schedule: Sequence[float],
    dimensions: int,
    model: object,
    extra_args: dict[str, Any],
    options: Mapping[str, Any],
) -> tuple[list[float], Tensor]:
    """The sigmas of all evaluations, and the states at them and at the end, ``[E + 1, rows]``."""
    sigmas, answers = torch.tensor(schedule), _Answers(model)
    x = torch.zeros(CONTROL_ROWS + MAX_STAGES * len(schedule), *[1] * (dimensions - 1))
    x[0] = x[2] = 1
    with torch.random.fork_rng(devices=[]):
        last = solver(answers, x, sigmas, extra_args=extra_args, callback=_unseen, disable=True, **options)
    return answers._sigmas, torch.stack([*answers._states, last.flatten()])
