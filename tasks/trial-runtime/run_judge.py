"""Runs a task's judge, in a sandbox that the candidate never was in: `python /evolver/run_judge.py`.

Writes /out/metrics.json: {"metrics": {name: number}} or {"invalid": "why there is no score"}.
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
from evolver_trial import Invalid, folder

LONGEST_REASON = 2000


def load_judge() -> ModuleType:
    """The task's judge.py as a module."""
    spec = importlib.util.spec_from_file_location("judge", folder("judge") / "judge.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checked(metrics: object) -> dict[str, float]:
    """What the judge returned, as plain floats; raises Invalid unless it is a dict of finite numbers by name."""
    if not isinstance(metrics, dict) or not metrics:
        raise Invalid(f"the judge returned {type(metrics).__name__}, not a dict of metrics")
    plain: dict[str, float] = {}
    for name, value in metrics.items():
        if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise Invalid(f"the judge returned {name!r}: {type(value).__name__}, not a number by name")
        plain[name] = float(value)
        if not math.isfinite(plain[name]):
            raise Invalid(f"{name} is {plain[name]}, not a finite number")
    return plain


def answer() -> dict[str, Any]:
    """The judge's verdict on /outputs, whatever the judge does."""
    try:
        refuse_other_formats(folder("outputs"))
        returned = load_judge().judge(
            out=folder("outputs"),
            private=folder("private"),
            stage=os.environ["EVOLVER_STAGE"],
            seed=int(os.environ["EVOLVER_SEED"]),
        )
        return {"metrics": checked(returned)}
    except Invalid as error:
        return {"invalid": str(error)[:LONGEST_REASON]}
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        last = traceback.format_exception_only(error)[-1].strip()
        return {"invalid": f"the judge could not read this output: {last}"[:LONGEST_REASON]}


if __name__ == "__main__":
    (folder("out") / "metrics.json").write_text(json.dumps(answer()), encoding="utf-8")
