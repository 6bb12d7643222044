"""Runs a task's judge, in a sandbox that the candidate never was in: `python /evolver/run_judge.py`.

Writes /out/metrics.json: {"metrics": {name: number}}, {"invalid": "why there is no score"} or {"failed": "the error"};
beside them "feedback", texts and tables by name, and "gate", why a later stage would give the same.
"""

from __future__ import annotations

import importlib.util
import json
import math
import numbers
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from evolver_readers import refuse_other_formats
from evolver_trial import FEEDBACK, Failed, Invalid, folder, safe_json

LONGEST_REASON = 2000
LARGEST_FEEDBACK = 1 << 18
"""Bytes of what is said beside the metrics; far more than is kept."""


def load_judge() -> ModuleType:
    """The task's judge.py as a module."""
    spec = importlib.util.spec_from_file_location("judge", folder("judge") / "judge.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checked(metrics: object) -> dict[str, float]:
    """What the judge returned, as plain floats; raises Invalid unless it is a dict of finite numbers by name."""
    if not isinstance(metrics, dict):
        raise Invalid(f"the judge returned {type(metrics).__name__}, not a dict of metrics")
    if not metrics:
        raise Invalid("the judge returned an empty dict, not a dict of metrics by name")
    decides = os.environ.get("EVOLVER_METRIC", "")
    plain: dict[str, float] = {}
    for name, value in metrics.items():
        if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise Invalid(f"the judge returned {name!r}: {type(value).__name__}, not a number by name")
        try:
            number = float(value)
        except OverflowError as error:
            raise Invalid(f"{name} is too large a number ({type(error).__name__})") from None
        if math.isfinite(number):
            plain[name] = number
        elif name == decides or not decides:
            raise Invalid(f"{name} is {number}, not a finite number")
    return plain


def plain(value: object) -> object:
    """A value of numpy or torch as JSON can hold it."""
    for method in ("tolist", "item"):
        if callable(getattr(value, method, None)):
            return getattr(value, method)()
    return str(value)


def said_by_harness() -> dict[str, Any]:
    """What the harness said, if it left something usable."""
    try:
        said = safe_json(folder("outputs") / FEEDBACK, LARGEST_FEEDBACK)
    except Invalid:
        return {}
    return said if isinstance(said, dict) else {}


def answer() -> dict[str, Any]:
    """The judge's verdict on /outputs with what was said beside it."""
    verdict = judged()
    said = {**said_by_harness(), **verdict.pop("feedback", {})}
    if not said:
        return verdict
    text = json.dumps(said, default=plain)
    if len(text) > LARGEST_FEEDBACK:
        said = {"feedback": f"{len(text)} characters are more than {LARGEST_FEEDBACK}; the beginning: {text[:4000]}"}
        text = json.dumps(said)
    return {**verdict, "feedback": json.loads(text)}


def judged() -> dict[str, Any]:
    """What the judge says of /outputs, whatever the judge does."""
    try:
        refuse_other_formats(folder("outputs"))
        returned = load_judge().judge(
            out=folder("outputs"),
            private=folder("private"),
            stage=os.environ["EVOLVER_STAGE"],
            seed=int(os.environ["EVOLVER_SEED"]),
        )
        more = {}
        if isinstance(returned, dict):
            kinds = (("feedback", dict), ("gate", str))
            more = {name: returned[name] for name, kind in kinds if isinstance(returned.get(name), kind)}
            returned = {name: value for name, value in returned.items() if name not in more}
        return {"metrics": checked(returned), **more}
    except Invalid as error:
        kind = "failed" if isinstance(error, Failed) else "invalid"
        return {kind: str(error)[:LONGEST_REASON], "feedback": error.feedback}
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        last = traceback.format_exception_only(error)[-1].strip()
        return {
            "invalid": f"the judge failed on this output: {last}{where(error)}"[:LONGEST_REASON],
            "feedback": {"judge's traceback": "".join(traceback.format_tb(error.__traceback__)[-3:])[-2000:] + last},
        }


def where(error: BaseException) -> str:
    """The line of the judge's own file in which it failed, from which the author can go on."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name == "judge.py"]
    return f" (judge.py, line {own[-1].lineno}, in {own[-1].name})" if own else ""


if __name__ == "__main__":
    (folder("out") / "metrics.json").write_text(json.dumps(answer()), encoding="utf-8")
