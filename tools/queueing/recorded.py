"""``--record``: the full run of the first seed is recorded, and the modes ``calls:N`` follow plans made from it."""

import re
from collections.abc import Iterable

from ...fsampler.plan_text import parse
from ..convert.links import Prompt
from ..data import Object, as_list
from ..text import LONGEST, cut
from .prompt import title
from .wiring import REPORTING, add_plans, plan_key

RECORDED = ["off", "record"]  # values of mode and custom_mode of the full run that is recorded
FEWEST = 3  # calls that can be planned (``fsampler/recorded_plans.py``)


class Recorded:
    """The modes that are planned, of ``modes``, and once there is a recording their plans.

    Raises ValueError where none of the modes is ``calls:N``, or one has too few calls to plan.
    """

    def __init__(self, modes: Iterable[str]) -> None:
        found = ((mode, re.fullmatch(r"calls:(\d+)", mode)) for mode in modes)
        self.counts = {f"{mode}, planned": int(match[1]) for mode, match in found if match}
        if not self.counts:
            raise ValueError("--record, and nothing to plan; expected --modes with a number of calls, such as calls:10")
        if min(self.counts.values()) < FEWEST:
            raise ValueError(
                f"--record, and calls:{min(self.counts.values())}; expected {FEWEST} calls or more to plan"
            )
        self.plans: dict[str, str] = {}  # by ``plan_key``

    def name(self, mode: str) -> str:
        """What a mode is called: one that is planned says so."""
        return f"{mode}, planned" if f"{mode}, planned" in self.counts else mode

    def ask(self, prompt: Prompt) -> None:
        """Have a prompt whose reports are of a recorded run give the plans, in place."""
        add_plans(prompt, sorted(set(self.counts.values())))

    def learn(self, said: Object, prompt: Prompt) -> list[str]:
        """Take the plans that the ``prompt`` of ``ask`` has given, and say where there is none, a line each.

        ``said``: the texts of each node that plans, by its id: what it says of the plan, and then the plan. Raises
        ValueError for what is no plan.
        """
        missing = list[str]()
        for number in (number for number, node in prompt.items() if node["class_type"] in REPORTING):
            for mode, calls in self.counts.items():
                key = plan_key(calls, number)
                texts = [text for text in as_list(said.get(key)) if isinstance(text, str)]
                if len(texts) < 2:
                    why = cut(texts[0], LONGEST) if texts else "nothing is said of its run"
                    missing.append(f"{mode}: no plan for {title(prompt, number)} {number}: {why}")
                elif (plan := parse(texts[1])[1]) is None:
                    raise ValueError(f"{cut(texts[1], LONGEST)!r} is no plan")
                else:
                    self.plans[key] = str(plan)
        return missing

    def follow(self, prompt: Prompt, mode: str) -> None:
        """Have the FSampler nodes of a prompt follow the plans for a mode, in place; those without one keep theirs."""
        for number, node in prompt.items():
            if (plan := self.plans.get(plan_key(self.counts[mode], number))) is not None:
                node["inputs"]["custom_mode"] = plan
