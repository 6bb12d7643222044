"""What the prompts of a campaign hold: tokens by part for one experiment, and how much of each was in the one before.

    python benchmarks/prompt_parts.py [--experiment 8] [--task data-curation] [--stage smoke] [--tools on]
    python benchmarks/prompt_parts.py --costs --experiment 100 [--tools on]

A scripted model writes programs of data-curation that keep documents by their length. Tokens are a quarter of the
bytes. The shared beginning of a prompt is what a provider need not read again; it is told against the role's last one.
With `--costs`, calls, tokens and dollars of the whole campaign by role, an answer counted as 600 tokens, at the prices
below. With `--tools on`, researcher and coder run something once before they answer; else no option about tools is
given, so that the file measures checkouts that know none.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from scripted_model import load_endpoint, role_of  # type: ignore[import-not-found]

PROGRAM = '''"""Keeps documents of some length."""


def clean(docs):
    return [doc for doc in docs if len(doc) > {least}]
'''
PRICES = {"new": 1.25, "cached": 0.125, "answer": 10.0}
"""US dollars for a million tokens."""
ANSWER = 600
"""Tokens of an answer."""
HEADING = re.compile(r"^# .*$", re.MULTILINE)


def step(endpoint: Any, seen: Any) -> Any:
    """What the model says, or does first where it has tools."""
    is_new = not any(message["role"] == "tool" for message in seen.body["messages"])
    if seen.body.get("tools") and is_new:
        return endpoint.uses(("run", {"code": "print(6 * 7)"}))
    return endpoint.good(answer(seen))


def answer(seen: Any) -> str:
    role = role_of(seen.prompt)
    if "review the whole campaign" in seen.prompt:
        return json.dumps({"state": "Length alone tells little.", "next_experiments": ["Look at the lines."]})
    number = re.findall(r"(?:propose experiment|Proposal|# Experiment) (\d+)", seen.prompt)
    least = 100 * int(number[-1]) if number else 0
    if role == "researcher":
        plan = f"Keep documents of more than {least} characters."
        said = {"hypothesis": f"Short documents below {least} are noise.", "plan": plan, "parent": 0}
        return json.dumps({**said, "component": f"length {least}"})
    if role == "coder":
        return f"program.py\n```python\n{PROGRAM.format(least=least)}```\n"
    said = {"claim": "Length alone tells little.", "component": "length", "mechanism": "unclear", "caution": ""}
    several = re.findall(r"^# Experiment (\d+)$", seen.prompt, re.MULTILINE)
    if len(several) > 1:
        return json.dumps({"observations": [{**said, "experiment": int(found)} for found in several]})
    return json.dumps(said)


def prompts(task: str, stage: str, experiments: int, tools: str) -> list[str]:
    """All prompts of a campaign."""
    endpoint = load_endpoint()
    with tempfile.TemporaryDirectory() as home, endpoint.Endpoint(lambda seen: step(endpoint, seen)) as server:
        words = ["run", task, "--stage", stage, "-n", str(experiments), "-w", "1", "--team", "llm", "--json"]
        words += ["--model", "openai:scripted", "--base-url", server.url, "--sandbox", "bubblewrap"]
        words += ["--tools", tools] if tools else []
        env = {name: value for name, value in os.environ.items() if "EVOLVER" not in name} | {"EVOLVER_HOME": home}
        command = [sys.executable, "-m", "evolver.cli", *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        return [seen.prompt for seen in server.requests]


def parts(prompt: str) -> list[tuple[str, int]]:
    """Headings with the tokens below them."""
    starts = [0, *(match.start() for match in HEADING.finditer(prompt)), len(prompt)]
    texts = [prompt[a:b] for a, b in pairwise(starts)]
    return [(text.partition("\n")[0][:70] if place else "system", tokens(text)) for place, text in enumerate(texts)]


def tokens(text: str) -> int:
    return len(text.encode()) // 4


def alike(one: str, other: str) -> int:
    """Characters at the beginning that both have."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def show(said: Sequence[str]) -> None:
    for role in ("researcher", "coder", "critic"):
        own = [prompt for prompt in said if role_of(prompt) == role]
        if len(own) < 2:
            continue
        shared = tokens(own[-1][: alike(*own[-2:])])
        whole = tokens(own[-1])
        print(f"\n{role}: {whole} tokens, {shared} ({shared / whole:.0%}) as in the one before")
        for name, size in parts(own[-1]):
            print(f"  {size:6d}  {name}")


def costs(said: Sequence[str]) -> None:
    """Calls, tokens and dollars by role."""
    print(f"{'role':12s} {'calls':>6s} {'tokens in':>11s} {'cached':>7s} {'tokens out':>11s} {'USD':>8s}")
    total = 0.0
    for role in ("researcher", "coder", "critic"):
        own = [prompt for prompt in said if role_of(prompt) == role]
        read = sum(map(tokens, own))
        cached = sum(tokens(now[: alike(before, now)]) for before, now in pairwise(own))
        out = ANSWER * len(own)
        usd = ((read - cached) * PRICES["new"] + cached * PRICES["cached"] + out * PRICES["answer"]) / 1e6
        total += usd
        print(f"{role:12s} {len(own):6d} {read:11,d} {cached / max(1, read):7.0%} {out:11,d} {usd:8.2f}")
    print(f"{'all':12s} {len(said):6d} {sum(map(tokens, said)):11,d} {'':7s} {ANSWER * len(said):11,d} {total:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--experiment", type=int, default=8)
    parser.add_argument("--task", default="data-curation")
    parser.add_argument("--stage", default="smoke")
    parser.add_argument("--tools", choices=("on", "off"), default="")
    parser.add_argument("--costs", action="store_true")
    arguments = parser.parse_args()
    said = prompts(arguments.task, arguments.stage, arguments.experiment, arguments.tools)
    (costs if arguments.costs else show)(said)


if __name__ == "__main__":
    main()
