"""A scripted model that improves the quadratic task: it answers by what it is asked, whichever lane asks and when."""

from __future__ import annotations

import json
import random
import re

from tests.support.endpoint import Seen, Step, good, uses

OBSERVATION = {
    "claim": "Moving the point towards the target brings the distance down.",
    "component": "both coordinates",
    "mechanism": "the target lies further out",
    "caution": "",
}


PAGE = {"state": "The point moves towards the target.", "next_experiments": ["Go on."]}


def answer(seen: Seen) -> Step:
    """What the model says: a point for the researcher, a program for the coder, words for the critic."""
    role = role_of(seen)
    if role == "researcher":
        return good(idea(seen))
    if role == "coder":
        x, y = re.findall(r"Set X to (-?[\d.]+\d) and Y to (-?[\d.]+\d)", seen.prompt)[-1]
        return good(f"program.py\n```python\nX = {x}\nY = {y}\n\n\ndef point():\n    return [X, Y]\n```\n")
    return good(PAGE if "review the whole campaign" in seen.prompt else OBSERVATION)


def role_of(seen: Seen) -> str:
    """Who asks."""
    return str(re.findall(r"You are the (researcher|coder|critic)", seen.prompt)[0])


def idea(seen: Seen) -> dict[str, object]:
    """A point that is nearer to the target, the later the experiment; the numbers depend on the experiment alone."""
    number = int(re.findall(r"You propose experiment (\d+)", seen.prompt)[-1])
    parents = [int(found) for found in re.findall(r"^## Experiment (\d+)", seen.prompt, re.MULTILINE)]
    rng = random.Random(f"{number}/{len(seen.body['messages'])}")
    x, y = round(3.7 + rng.uniform(-4, 4) / number, 4), round(2.2 + rng.uniform(-4, 4) / number, 4)
    return {
        "hypothesis": f"The hidden point is near {x}, {y}.",
        "plan": f"Set X to {x} and Y to {y}.",
        "parent": parents[0],
        "others": [],
        "component": "both coordinates",
        "notes": [],
        "lessons": [],
        "novelty": "",
    }


def wordy(seen: Seen) -> Step:
    """The same answers, told in a way that needs tolerant reading."""
    step = answer(seen)
    return Step(f"Of course!\n```json\n{step.text}\n```\n") if role_of(seen) == "researcher" else step


def looking(seen: Seen) -> Step:
    """The same, after a researcher that has tools has run something."""
    if seen.body.get("tools") and role_of(seen) == "researcher" and seen.body["messages"][-1]["role"] != "tool":
        return uses(("run", {"code": "print(6 * 7)"}))
    return wordy(seen)


def useless(seen: Seen) -> Step:
    """Nothing that can be used."""
    return good(json.dumps({"thoughts": "I would rather talk about something else."}))


def broken(seen: Seen) -> Step:
    """Good ideas, and programs that always stop."""
    return Step(answer(seen).text.replace("return [X, Y]", "return [X, Y][9]"))
