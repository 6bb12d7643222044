"""How soon a message counts: from the word to the archive, and from the archive to each lane's next proposal.

    python benchmarks/steering.py [--messages 25] [--workers 2]

A campaign runs in a process of its own (programs of a quarter of a second). Messages reach it from this process
(`evolver.graph.send`, as `evolver chat` and the page use it), over the page's HTTP API, and over the LangGraph API of
`evolver serve` (the chat graph, as Studio and agent chat pages use it). The delay is from just before the call until
another connection sees the directive in the archive. A directive counts as obeyed by a lane when the first experiment
that the lane leased after the directive was stored was proposed under it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from langgraph_sdk.client import get_sync_client

from evolver.contracts.experiment_events import Leased
from evolver.contracts.steering_events import DirectiveGiven
from evolver.graph import send
from evolver.graph.resolved_run import open_archive

TASK = Path(__file__).parent / "tasks" / "quadratic"
EVOLVER = Path(sys.executable).parent / "evolver"
CAMPAIGN = "c"


def slow_task(folder: Path) -> Path:
    """The quadratic task, its program a quarter of a second long."""
    task = folder / "quadratic"
    shutil.copytree(TASK, task)
    program = task / "baseline" / "program.py"
    text = program.read_text().replace("    x = east()", "    time.sleep(0.25)\n    x = east()")
    program.write_text(f"import time\n{text}")
    return task


@contextmanager
def started(words: list[str], home: Path, ready: Callable[[], bool]) -> Iterator[None]:
    """A process that is stopped in the end."""
    environment = {**os.environ, "EVOLVER_HOME": str(home)}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([str(EVOLVER), *words], env=environment, stdout=quiet, stderr=quiet, cwd=home.parent)
    try:
        while not ready():
            assert process.poll() is None, "it has ended"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def delay(home: Path, say: Callable[[str], object], text: str) -> float:
    """Seconds from the call until another connection sees the directive."""
    seen: list[float] = []
    watching = threading.Event()

    def watch() -> None:
        with open_archive(home) as archive:
            deadline = time.perf_counter() + 30
            while time.perf_counter() < deadline:
                watching.set()
                newest = archive.events.list(CAMPAIGN, kind=DirectiveGiven, newest=1)
                if newest and newest[0].data.text == text:
                    seen.append(time.perf_counter())
                    return
                time.sleep(0.001)

    thread = threading.Thread(target=watch)
    thread.start()
    watching.wait()
    began = time.perf_counter()
    say(text)
    thread.join()
    return seen[0] - began


def finished(home: Path) -> int:
    """Experiments that are done."""
    with open_archive(home) as archive:
        return (
            archive.campaigns.counts(CAMPAIGN).finished
            if any(c.name == CAMPAIGN for c in archive.campaigns.list())
            else 0
        )


def obeyed(home: Path) -> list[int]:
    """For each directive about what to try, and each lane: the how-manieth experiment leased after it was under it."""
    places = []
    with open_archive(home) as archive:
        leased = [e for e in archive.events.list(CAMPAIGN) if isinstance(e.data, Leased) and e.experiment]
        said = {e.data.directive: e.id for e in archive.events.list(CAMPAIGN, kind=DirectiveGiven)}
        experiments = {e.id: e for e in archive.experiments.list(CAMPAIGN, after=0)}
        for directive in archive.directives.list(CAMPAIGN):
            if directive.kind not in ("focus", "avoid"):
                continue
            under = {e.id for e in archive.directives.uses(directive.id)}
            for lane in {e.lane for e in experiments.values()}:
                later = [
                    event.experiment in under
                    for event in leased
                    if event.id > said[directive.id]
                    and event.experiment in experiments
                    and experiments[event.experiment].lane == lane
                    and experiments[event.experiment].proposal is not None
                ]
                if later:
                    places.append(later.index(True) + 1 if True in later else len(later) + 1)
    return places


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=25)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/ok").status_code == 200
        except httpx.TransportError:
            return False

    with tempfile.TemporaryDirectory(prefix="evolver-steering-") as folder:
        home = Path(folder) / "home"
        run = ["run", str(slow_task(Path(folder))), "-c", CAMPAIGN, "-n", "5000", "-w", str(options.workers), "--json"]
        with (
            started(run, home, lambda: finished(home) >= 4),
            started(["serve", "--port", str(port)], home, answers),
            get_sync_client(url=url, api_key=None) as client,
            httpx.Client(base_url=url, headers={"Origin": url, "Sec-Fetch-Site": "same-origin"}) as browser,
        ):
            thread = client.threads.create()["thread_id"]
            context = {"campaign": CAMPAIGN, "who": "benchmark"}

            def served(text: str) -> object:
                said = {"messages": [{"role": "human", "content": text}]}
                return client.runs.wait(thread, "chat", input=said, context=context)  # type: ignore[arg-type]

            def page(text: str) -> object:
                answer = browser.post(f"/api/campaigns/{CAMPAIGN}/messages", json={"text": text, "who": "benchmark"})
                return answer.raise_for_status()

            surfaces: dict[str, Callable[[str], object]] = {
                "this process (evolver chat, Python)": lambda text: send(home, CAMPAIGN, text, "benchmark"),
                "page": page,
                "LangGraph server (Studio, chat pages)": served,
            }
            for name, say in surfaces.items():
                say("how far?")  # what is loaded once is loaded
                delays = sorted(delay(home, say, f"note: {name} {number}") for number in range(options.messages))
                p95 = delays[int(0.95 * (len(delays) - 1))]
                print(f"{name}: median {1000 * statistics.median(delays):.0f} ms, 95 % {1000 * p95:.0f} ms", flush=True)
            for number in range(6):
                send(home, CAMPAIGN, ("focus on rotate", "avoid east", "focus on north")[number % 3], "benchmark")
                goal = finished(home) + 5 * options.workers
                while finished(home) < goal:
                    time.sleep(0.1)
            send(home, CAMPAIGN, "stop", "benchmark")
        places = obeyed(home)
        first = sum(place == 1 for place in places)
        print(f"obeyed by the very next experiment of a lane: {first} of {len(places)} (latest: {max(places)})")


if __name__ == "__main__":
    main()
