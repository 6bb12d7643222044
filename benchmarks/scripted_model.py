"""A scripted model server in a process of its own, for benchmarks: it answers as models do, at a fixed latency.

    python benchmarks/scripted_model.py {sleeper,points,helpful,useless} LATENCY

Prints its base URL, and ends when its standard input is closed. `helpful` writes programs for circle-packing like a
fair model: of ten answers one is malformed, one is a refusal and one program has a bug; the others polish the
champion's packing by basin hopping, or search from random points. `useless` answers with prose.
"""

from __future__ import annotations

import importlib.util
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def load_endpoint() -> ModuleType:
    """The test suite's server, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("scripted_endpoint", ROOT / "tests" / "support" / "endpoint.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def role_of(prompt: str) -> str:
    return str(re.findall(r"You are the (researcher|coder|critic)", prompt)[0])


def idea(seen: Any, what: str, plan: str, parent: int | None = None) -> dict[str, object]:
    parents = [int(found) for found in re.findall(r"^## Experiment (\d+)", seen.prompt, re.MULTILINE)]
    return {
        "hypothesis": f"{what} brings the metric up.",
        "plan": plan,
        "parent": max(parents) if parent is None else parent,
        "others": [],
        "component": " ".join(what.split()[:3]).lower(),
        "notes": [],
        "lessons": [],
        "novelty": "",
    }


OBSERVATION = {
    "claim": "The change moved the metric as measured.",
    "component": "the change",
    "mechanism": "unclear",
    "caution": "",
}


def number_of(seen: Any) -> int:
    """The experiment that a researcher is asked for."""
    return int(re.findall(r"You propose experiment (\d+)", seen.prompt)[-1])


def sleeper(seen: Any) -> object:
    """Another constant for every experiment."""
    role = role_of(seen.prompt)
    if role == "researcher":
        level = random.Random(f"{number_of(seen)}/{len(seen.body['messages'])}").uniform(1.0, 9.0)
        return idea(seen, f"Level {level:.6f}", f"Set LEVEL to {level:.6f}.")
    if role == "coder":
        level = re.findall(r"Set LEVEL to (\d+\.\d+)", seen.prompt)[-1]
        return f"program.py\n```python\nLEVEL = {level}\n\n\ndef value():\n    return LEVEL\n```\n"
    return OBSERVATION


def points(seen: Any) -> object:
    """Another point of the plane for every experiment, for the task `quadratic`."""
    role = role_of(seen.prompt)
    if role == "researcher":
        generator = random.Random(f"{number_of(seen)}/{len(seen.body['messages'])}")
        point = f"({generator.uniform(-9.0, 9.0):.6f}, {generator.uniform(-9.0, 9.0):.6f})"
        return idea(seen, f"Point {point}", f"Return the point {point}.")
    if role == "coder":
        x, y = re.findall(r"Return the point \((-?\d+\.\d+), (-?\d+\.\d+)\)", seen.prompt)[-1]
        return f"program.py\n```python\ndef point():\n    return [{x}, {y}]\n```\n"
    return OBSERVATION


def helpful(seen: Any) -> object:
    """Polishes the champion where that was not done yet, else starts over; settings go by the experiment's number."""
    role = role_of(seen.prompt)
    if role == "researcher":
        number = number_of(seen)
        rng = random.Random(f"{number}/{len(seen.body['messages'])}")
        if number % 10 == 4:
            return '{"hypothesis": "more starts find better optima", "plan": '
        if number % 10 == 7:
            return "I am sorry, but I cannot help with optimising programs."
        settings = f"with jitter {rng.choice((0.01, 0.02, 0.05))}, seed {rng.randrange(1000)};"
        champion = int(re.findall(r"The champion is experiment (\d+)", seen.prompt)[-1])
        program = re.findall(
            rf'<data name="program.py of experiment {champion}">\n(.*?)\n</data>', seen.prompt, re.DOTALL
        )
        if program and "def first_packing" not in program[-1]:
            plan = f"Move a few circles of the packing and run SLSQP again {settings} keep the best."
            return idea(seen, f"Basin hopping from the packing of experiment {champion} {settings}", plan, champion)
        plan = f"Run SLSQP on centers and radii from random points {settings} keep the best."
        return idea(seen, f"Many starts from random points {settings}", plan, champion)
    if role == "coder":
        jitter, start = re.findall(r"with jitter ([\d.]+), seed (\d+);", seen.prompt)[-1]
        values = {"jitter": jitter, "seed": start, "parts": PARTS}
        parent = re.findall(r'<data name="program.py">\n(.*?)\n</data>', seen.prompt, re.DOTALL)
        if parent and "Move a few circles" in seen.prompt:
            text = POLISHED.format(parent=parent[0].replace("def construct_packing(", "def first_packing("), **values)
        else:
            text = FRESH.format(**values)
        if int(start) % 10 == 0:
            text = text.replace("default_rng(", "default_generator(")
        return f"program.py\n```python\n{text}```\n"
    return OBSERVATION


def useless(seen: Any) -> object:
    """Prose."""
    return "That is an interesting question, and there are many ways to look at it."


PARTS = '''

def moved(centers, generator, jitter):
    """A packing with a few circles somewhere else."""
    centers = centers + generator.normal(0.0, jitter, centers.shape)
    chosen = generator.choice(len(centers), generator.integers(1, 4), replace=False)
    centers[chosen] = generator.uniform(0.05, 0.95, (len(chosen), 2))
    return np.clip(centers, 0.02, 0.98)


def improve(centers):
    """The local optimum of all coordinates."""
    n = len(centers)
    i, j = np.triu_indices(n, 1)
    each, pair = np.arange(n), np.arange(len(i))

    def gaps(z):
        x, y, r = z[:n], z[n : 2 * n], z[2 * n :]
        return np.concatenate([np.hypot(x[i] - x[j], y[i] - y[j]) - r[i] - r[j], x - r, 1 - x - r, y - r, 1 - y - r])

    def slopes(z):
        matrix = np.zeros((len(i) + 4 * n, 3 * n))
        dx, dy = z[i] - z[j], z[n + i] - z[n + j]
        distance = np.hypot(dx, dy) + 1e-12
        matrix[pair, i], matrix[pair, j] = dx / distance, -dx / distance
        matrix[pair, n + i], matrix[pair, n + j] = dy / distance, -dy / distance
        matrix[pair, 2 * n + i] = matrix[pair, 2 * n + j] = -1.0
        for wall, (column, sign) in enumerate([(0, 1.0), (0, -1.0), (n, 1.0), (n, -1.0)]):
            row = len(i) + wall * n + each
            matrix[row, column + each], matrix[row, 2 * n + each] = sign, -1.0
        return matrix

    slope = np.repeat([0.0, 0.0, -1.0], n)
    found = minimize(
        lambda z: slope @ z,
        np.concatenate([*centers.T, np.full(n, 0.05)]),
        jac=lambda z: slope,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * (2 * n) + [(0.0, 0.5)] * n,
        constraints={"type": "ineq", "fun": gaps, "jac": slopes},
        options={"maxiter": 100, "ftol": 1e-10},
    )
    z = np.nan_to_num(found.x)
    return fitted(z[: 2 * n].reshape(2, n).T, z[2 * n :])


def fitted(centers, radii):
    """Centers inside, radii scaled by what the worst overlap asks for."""
    centers = np.clip(centers, 0.0, 1.0)
    radii = np.clip(radii, 0.0, np.minimum(centers, 1.0 - centers).min(axis=1))
    i, j = np.triu_indices(len(radii), 1)
    distance, reach = np.hypot(*(centers[i] - centers[j]).T), radii[i] + radii[j]
    scale = np.min(np.where(reach > distance, distance / np.maximum(reach, 1e-300), 1.0))
    return centers, radii * (scale * (1.0 - 1e-12))
'''

FRESH = '''"""Many local searches on centers and radii; the best packing is kept."""

import numpy as np
from evolver_trial import time_left
from scipy.optimize import minimize

JITTER, SEED, RESERVE, AGAIN = {jitter}, {seed}, 3.0, 0.8

{parts}

def construct_packing():
    """The best packing of all starts."""
    generator = np.random.default_rng(SEED)
    best = None
    while best is None or time_left() > RESERVE:
        if best is None or generator.random() > AGAIN:
            centers = generator.uniform(0.05, 0.95, (26, 2))
        else:
            centers = moved(best[0], generator, JITTER)
        packing = improve(centers)
        if best is None or packing[1].sum() > best[1].sum():
            best = packing
    return best
'''

POLISHED = '''{parent}

from evolver_trial import time_left
from scipy.optimize import minimize

SHAKE, SHAKE_SEED, KEPT_TIME = {jitter}, {seed}, 2.0

{parts}

def construct_packing():
    """The packing of before, with a few circles moved and everything improved again, as long as there is time."""
    centers, radii = first_packing()
    best = np.asarray(centers, float), np.asarray(radii, float)
    generator = np.random.default_rng(SHAKE_SEED)
    while time_left() > KEPT_TIME:
        packing = improve(moved(best[0], generator, SHAKE))
        if packing[1].sum() > best[1].sum():
            best = packing
    return best
'''

SCRIPTS = {"sleeper": sleeper, "points": points, "helpful": helpful, "useless": useless}


@contextmanager
def serving(script: str, latency: float) -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, __file__, script, str(latency)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def main() -> None:
    script, latency = SCRIPTS[sys.argv[1]], float(sys.argv[2])
    endpoint = load_endpoint()

    def answer(seen: Any) -> object:
        said = script(seen)
        return endpoint.good(said if isinstance(said, str) else json.dumps(said))

    with endpoint.Endpoint(answer, latency=latency) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
