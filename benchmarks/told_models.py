"""Experiments to the target for a scripted model that uses only what its prompts say: told scores, evidence, or tools.

    python benchmarks/told_models.py [--arm tools] [--task three-parts] [--seeds 10] [--first 0]
                                     [--experiments 30] [--json]

A real HTTP server answers in place of a model. If the sub-metrics of the champion stand in the prompt, it changes the
setting that is weakest, by the distance that its metric names; if a damaged line was shown, it puts in the repair
for that damage; else it guesses. Arms: `tools`; `evidence`, without tools; `scores`, where what researchers were not
told at first is cut from the prompts: metrics beside the one that decides, feedback, dossier. The mean number of
experiments is told with its 90 % interval over seeds; a campaign that does not get there counts as its budget.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripted_model import load_endpoint  # type: ignore[import-not-found]

TASKS = Path(__file__).parent / "tasks"
BEST, REACHED = 20, 0.9999
PARTS = ("first", "second", "third")
MARKS = {"\u00e2\u20ac\u2122": "mojibake", "'> ": "marked", '"> ': "marked", "g00d": "zero", "\\t": "tabbed"}
KINDS = "reversed spaced upper doubled quoted tabbed entity mojibake hyphen escape zero marked".split()
UNTOLD = re.compile(
    r"^Means on the [^\n]*|<data name=\"(?:metrics of experiment|what the evaluator said|dossier).*?</data>",
    re.MULTILINE | re.DOTALL,
)
"""What prompts did not hold at first."""
STUDENT = {3: 2.92, 5: 2.132, 10: 1.833, 20: 1.729}
"""Half-width of a 90 % interval in standard errors, by the number of seeds."""


class Model:
    """Answers for one campaign, by its prompts alone."""

    def __init__(self, endpoint: Any, seed: int, arm: str) -> None:
        self._endpoint, self._rng, self._arm = endpoint, random.Random(seed), arm

    def __call__(self, seen: Any) -> Any:
        """What the model says to a request."""
        messages = seen.body["messages"]
        system, tools = str(messages[0]["content"]), [t["function"]["name"] for t in seen.body.get("tools", [])]
        results = [str(message["content"]) for message in messages if message["role"] == "tool"]
        prompt = "\n".join(str(message["content"]) for message in messages)
        prompt = UNTOLD.sub("", prompt) if self._arm == "scores" else prompt
        if "You are the critic" in system:
            return self._endpoint.good(self._observation(prompt))
        if "You are the coder" in system:
            plan = re.findall(r"Set (A, B, C|KINDS) = (.*)\.$", prompt, re.MULTILINE)[-1]
            line = re.findall(rf"^{re.escape(plan[0])} = .*$", prompt, re.MULTILINE)[0]
            edit = f"program.py\n<<<<<<< SEARCH\n{line}\n=======\n{plan[0]} = {plan[1]}\n>>>>>>> REPLACE\n"
            return self._endpoint.good(edit)
        if "run" in tools and "damaged" in prompt and not results:
            show = edit_of("def repair(lines):", "def repair(lines):\n    print(lines)")
            return self._endpoint.uses(("edit", {"change": show}), ("run", {"program": True}))
        return self._endpoint.good(self._idea(prompt, "\n".join(results)))

    def _observation(self, prompt: str) -> dict[str, Any]:
        said = {"claim": "The change moved the metric as measured.", "component": "setting", "mechanism": "unclear"}
        numbers = re.findall(r"^# Experiment (\d+)$", prompt, re.MULTILINE)
        if len(numbers) < 2:
            return {**said, "caution": ""}
        return {"observations": [{**said, "caution": "", "experiment": int(number)} for number in numbers]}

    def _idea(self, prompt: str, results: str) -> dict[str, Any]:
        champion = re.findall(r"The champion is experiment (\d+)", prompt)[-1]
        program = re.findall(rf'<data name="program.py of experiment {champion}">\n(.*?)\n</data>', prompt, re.DOTALL)[
            -1
        ]
        if "damaged" in prompt:
            name, value, said = "KINDS", *self._repair(program, prompt, results)
        else:
            name, value, said = "A, B, C", *self._settings(program, prompt, champion)
        return {
            "hypothesis": f"{said} {self._rng.random():.9f}",
            "plan": f"Set {name} = {value}.",
            "parent": int(champion),
            "component": said,
        }

    def _settings(self, program: str, prompt: str, champion: str) -> tuple[str, str]:
        now = [int(found) for found in re.findall(r"A, B, C = (\d+), (\d+), (\d+)", program)[-1]]
        shown = prompt.partition(f"## Experiment {champion} (champion)")[2].partition("\n## ")[0]
        parts = [re.findall(rf"\b{name} ([\d.]+)", shown) for name in PARTS]
        if all(parts):
            scores = [float(found[0]) for found in parts]
            weakest = min(range(3), key=scores.__getitem__)
            step = round((1.0 - scores[weakest]) * BEST)
            options = [x for x in (now[weakest] + step, now[weakest] - step) if 0 <= x <= BEST]
            tried = f"A, B, C = {', '.join(map(str, [*now[:weakest], options[0], *now[weakest + 1 :]]))}."
            now[weakest] = options[-1] if tried in prompt else options[0]
            return ", ".join(map(str, now)), f"the weakest part {PARTS[weakest]}"
        place = self._rng.randrange(3)
        now[place] = self._rng.randint(0, BEST)
        return ", ".join(map(str, now)), "a guess"

    def _repair(self, program: str, prompt: str, results: str) -> tuple[str, str]:
        kinds = re.findall(r"'(\w+)'", re.findall(r"^KINDS = (\[.*\])$", program, re.MULTILINE)[-1])
        known = results + "".join(re.findall(r'<data name="dossier">.*?</data>', prompt, re.DOTALL))
        seen = [kind for mark, kind in MARKS.items() if mark in known and kind not in kinds]
        if seen:
            return str([*kinds, *dict.fromkeys(seen)]), "what the lines show"
        untried = [kind for kind in KINDS if kind not in kinds and str([*kinds, kind]) not in prompt]
        left = untried or [kind for kind in KINDS if kind not in kinds]
        return str([*kinds, self._rng.choice(left)]), "a guess"


def edit_of(old: str, new: str) -> str:
    return f"program.py\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


def to_target(task: str, seed: int, experiments: int, arm: str) -> int:
    """Experiments that a campaign took to its target, or its whole budget."""
    endpoint = load_endpoint()
    with tempfile.TemporaryDirectory() as home, endpoint.Endpoint(Model(endpoint, seed, arm)) as server:
        words = ["run", str(TASKS / task), "-n", str(experiments), "-w", "1", "-s", str(seed), "--team", "llm"]
        words += ["--model", "openai:scripted", "--base-url", server.url, "--sandbox", "bubblewrap", "--json"]
        words += ["--tools", "on" if arm == "tools" else "off"]
        done = subprocess.run(
            [sys.executable, "-m", "evolver.cli", *words],
            env={name: value for name, value in os.environ.items() if "EVOLVER" not in name} | {"EVOLVER_HOME": home},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        said = json.loads(done.stdout[done.stdout.index("{") :])
    best = said["best"] or said["baseline"]
    return int(best["number"]) if best["mean"] >= REACHED else experiments


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--experiments", type=int, default=30)
    parser.add_argument("--task", default="three-parts")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--arm", choices=("scores", "evidence", "tools"), default="tools")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    found = []
    for seed in seeds:
        found.append(to_target(arguments.task, seed, arguments.experiments, arguments.arm))
        print(f"seed {seed}: {found[-1]}", file=sys.stderr, flush=True)
    error = statistics.stdev(found) / len(found) ** 0.5 if len(found) > 1 else 0.0
    half = STUDENT.get(len(found), 1.9) * error
    mean = statistics.mean(found)
    if arguments.json:
        said = {"task": arguments.task, "arm": arguments.arm, "mean": mean, "interval": [mean - half, mean + half]}
        print(json.dumps({**said, "experiments": found}))
        return
    interval = f"[{mean - half:.1f}, {mean + half:.1f}]"
    print(f"{arguments.task}, {arguments.arm}: {mean:.1f} experiments {interval}, {len(found)} seeds: {found}")


if __name__ == "__main__":
    main()
