"""Does anything get lost when processes are killed or the disk is full? Exit status 1 if it does.

    python benchmarks/faults.py [--kills 100] [--disks 20] [--workers 4] [--task circle-packing] [--folder FOLDER]

`kill -9` goes in turn to a trial's program, to a judge, to the process that runs the campaign, and to the server that
started it. After each death of that process every finished trial and verdict has to be there as it was; after the
last, every experiment has one verdict, no finished trial was run again, and the index knows every idea and lesson. The
disk is a small file system in memory, which takes root; it fills at another place each time and then gets room.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from evolver import Archive, event, open_archive
from evolver.memory import Memory

EVOLVER = Path(sys.executable).parent / "evolver"
NAME, STEP, PAIRS, PATIENCE = "faults", 25, 4, 1800.0
PORT = 18_733
Snapshot = dict[tuple[str, ...], str]


def start(home: Path, *words: str | int) -> subprocess.Popen[bytes]:
    """The command, detached, with what it says in `said` beside the archive."""
    with (home.parent / "said").open("ab") as said:
        return subprocess.Popen(
            [EVOLVER, *map(str, words)],
            env={**os.environ, "EVOLVER_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def until(found: Callable[[], Any], what: str, every: float = 0.05) -> Any:
    """The first result that is true."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(every)
    raise SystemExit(f"FAILED: {what} did not happen within {PATIENCE:g} s")


def snapshot(archive: Archive) -> Snapshot:
    """Every finished trial, and every verdict."""
    found: Snapshot = {}
    for experiment in archive.experiments.list(NAME):
        for trial in archive.trials.list(experiment.id):
            found[experiment.id, trial.stage, str(trial.seed)] = trial.model_dump_json()
        if experiment.finished is not None:
            found[experiment.id, "concluded"] = str(experiment.finished)
    return found


def trials(home: Path) -> int:
    """How many are finished."""
    if not (home / "archive.sqlite").exists():
        return 0
    with open_archive(home) as archive:
        known = {campaign.name for campaign in archive.campaigns.list()}
        return sum(archive.campaigns.counts(NAME).trials.values()) if NAME in known else 0


def running(home: Path) -> psutil.Process | None:
    """The process that runs the campaign."""
    for process in psutil.process_iter(["cmdline", "environ"]):
        words, environment = process.info["cmdline"] or [], process.info["environ"] or {}
        if NAME in words and "resume" in words and environment.get("EVOLVER_HOME") == str(home):
            return process
    return None


def part(driver: psutil.Process, file: str) -> psutil.Process | None:
    """A process below the one that runs the campaign, by the file that its Python runs, as far as one runs now."""
    try:
        for process in driver.children(recursive=True):
            words = process.cmdline()
            if any(word.endswith(file) for word in words) and "bwrap" not in words[0] and "--" not in words:
                return process
    except psutil.Error:
        pass
    return None


class Killer:
    """Kills parts of a campaign in turn, and looks what became of it."""

    def __init__(self, home: Path, task: str, workers: int, rng: random.Random) -> None:
        self.home, self.workers, self._rng = home, workers, rng
        self.killed, self._known = Counter[str](), dict[tuple[str, ...], str]()
        until_done(start(home, "run", task, "-c", NAME, "-n", 1, "-w", workers, "--sandbox", "bubblewrap"))

    def round(self, by_server: bool) -> None:
        """One process for the campaign, from its start to its death."""
        server = self._serve() if by_server else None
        if server is None:
            driver = psutil.Process(start(self.home, "resume", NAME, "-n", self._more(), "-w", self.workers).pid)
        else:
            self._say(f"{STEP} more experiments")
            self._say("go on")
            driver = until(lambda: running(self.home), "the server started the campaign")
        self._progress(driver)
        if server is not None:
            self._kill(psutil.Process(server.pid), "server")
            server.wait()
            self._progress(driver)
        for file in ("run_harness.py", "run_judge.py") * PAIRS:
            if (victim := self._find(driver, file)) is not None:
                self._kill(victim, file)
                self._progress(driver)
        time.sleep(self._rng.uniform(0.0, 2.0))
        if alive(driver):
            self._kill(driver, "driver")
        until(lambda: not alive(driver), "the end of the process")
        with open_archive(self.home) as archive:
            now = snapshot(archive)
        lost = [key for key, said in self._known.items() if now.get(key) != said]
        if lost:
            raise SystemExit(f"FAILED: lost or changed: {lost}")
        self._known = now

    def finish(self) -> list[str]:
        """Let the campaign end; what is wrong with it then."""
        until_done(start(self.home, "resume", NAME, "-n", self._more(), "-w", self.workers))
        with open_archive(self.home) as archive:
            return [*wrong_with(archive), *missing_from_index(self.home, archive)]

    def _more(self) -> int:
        with open_archive(self.home) as archive:
            return archive.campaigns.counts(NAME).leased + STEP

    def _serve(self) -> subprocess.Popen[bytes]:
        server = start(self.home, "serve", "--port", PORT)
        until(self._answers, "an answer of the server", 0.2)
        return server

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{PORT}/api/campaigns", timeout=60).is_success
        except httpx.HTTPError:
            return False

    def _say(self, text: str) -> None:
        answer = httpx.post(
            f"http://127.0.0.1:{PORT}/api/campaigns/{NAME}/messages", json={"text": text}, timeout=PATIENCE
        )
        answer.raise_for_status()

    def _find(self, driver: psutil.Process, file: str) -> psutil.Process | None:
        """A process of a trial, as soon as one runs; None where the campaign ended first."""
        found: list[psutil.Process] = []

        def looked() -> bool:
            found.extend(filter(None, [part(driver, file)]))
            return bool(found) or not alive(driver)

        until(looked, file, 0.002)
        return found[0] if found else None

    def _progress(self, driver: psutil.Process) -> None:
        """Wait for another finished trial."""
        had = trials(self.home)
        until(lambda: trials(self.home) > had or not alive(driver), "another trial", 0.2)

    def _kill(self, victim: psutil.Process, what: str) -> None:
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            return
        self.killed[what] += 1
        print(f"killed {what} ({self.killed.total()})", flush=True)


def alive(process: psutil.Process) -> bool:
    """Whether a process runs, and is not only waited for."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            os.waitpid(process.pid, os.WNOHANG)
            return False
        return True
    except (psutil.NoSuchProcess, ChildProcessError):
        return False


def until_done(process: subprocess.Popen[bytes]) -> None:
    """Wait for its end, which has to be a good one."""
    if process.wait(4 * PATIENCE):
        raise SystemExit(f"FAILED: {process.args!r} ended with {process.returncode}")


def wrong_with(archive: Archive) -> Iterator[str]:
    """What is wrong with a finished campaign."""
    experiments = archive.experiments.list(NAME)
    if archive.campaigns.get(NAME).status != "finished":
        yield f"the campaign is {archive.campaigns.get(NAME).status}"
    if [e.number for e in experiments] != list(range(len(experiments))):
        yield "numbers of experiments are missing or double"
    if open_ones := [e.number for e in experiments if e.verdict is None]:
        yield f"without a verdict: {open_ones}"
    concluded, done, after = Counter[str | None](), set[tuple[Any, ...]](), 0
    while events := archive.events.list(NAME, after):
        after = events[-1].id
        for line in events:
            if isinstance(line.data, event.Concluded):
                concluded[line.experiment] += 1
            if isinstance(line.data, event.TrialStarted | event.TrialEnded):
                key = (line.experiment, line.data.stage, line.data.seed)
                if isinstance(line.data, event.TrialEnded):
                    done.add(key)
                elif key in done:
                    yield f"{key} was finished and is run again"
    if set(concluded) != {e.id for e in experiments} or set(concluded.values()) != {1}:
        yield f"not concluded once: {[key for key, count in concluded.items() if count != 1]}"


def missing_from_index(home: Path, archive: Archive) -> Iterator[str]:
    """What the archive knows and the index of a finished campaign does not."""
    memory = Memory.open(home / "memory")
    try:
        lessons = {lesson.id for lesson in archive.lessons.changed(0)[0]}
        ideas = {e.id for e in archive.experiments.list(NAME) if e.proposal is not None and e.proposal.parents}
        for kind, known in (("lessons", lessons), ("ideas", ideas)):
            if missing := known - memory._documents.owners(kind):
                yield f"{len(missing)} of {len(known)} {kind} are not in the index, such as {min(missing)}"
    finally:
        memory.close()


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Callable[[int], None]]:
    """A file system of so many bytes; gives a function that makes it larger."""
    folder.mkdir()

    def mount(*words: str) -> None:
        subprocess.run(["mount", *words], check=True)

    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield lambda more: mount("-o", f"remount,size={more}", str(folder))
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def full_disks(folder: Path, task: str, workers: int, times: int, rng: random.Random) -> list[str]:
    """Fill a disk at so many places of a campaign; what went wrong."""
    begun, wrong, refused = folder / "begun", list[str](), 0
    begun.mkdir(parents=True)
    until_done(start(begun / "home", "run", task, "-c", NAME, "-n", 1, "-w", workers, "--sandbox", "bubblewrap"))
    used = sum(-(-path.stat().st_size // 4096) * 4096 for path in begun.rglob("*") if path.is_file())
    for number in range(times):
        disk = folder / f"disk-{number}"
        with small_disk(disk, used + rng.randrange(64 << 10, 1 << 20)) as grow:
            home = disk / "home"
            shutil.copytree(begun / "home", home)
            done = subprocess.run(
                [EVOLVER, "resume", NAME, "-n", "7"],
                env={**os.environ, "EVOLVER_HOME": str(home)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=4 * PATIENCE,
                check=False,
            )
            said = (done.stderr.strip().splitlines() or [""])[-1]
            refused += done.returncode != 0
            print(f"disk {number + 1}: exit status {done.returncode}, {said[:160]}", flush=True)
            if "Traceback" in done.stderr or (done.returncode and not said.startswith("evolver: ")):
                wrong.append(f"disk {number + 1}: {done.stderr[-2000:]}")
            grow(1 << 30)
            until_done(start(home, "resume", NAME, "-n", 7))
            with open_archive(home) as archive:
                wrong += [*wrong_with(archive), *missing_from_index(home, archive)]
    print(f"{times} small disks, {refused} of them full before the end")
    return wrong


def main() -> None:
    """Run both, and say what was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--disks", type=int, default=20)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--task", default="circle-packing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    rng, wrong = random.Random(options.seed), list[str]()
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=options.folder))
    if options.kills:
        (folder / "kills").mkdir()
        killer = Killer(folder / "kills" / "home", options.task, options.workers, rng)
        while killer.killed.total() < options.kills:
            killer.round(by_server=killer.killed["server"] <= killer.killed["driver"] // 2)
        wrong += killer.finish()
        print(f"{killer.killed.total()} kills ({dict(killer.killed)}), {len(wrong)} things wrong")
    if options.disks:
        wrong += full_disks(folder / "disks", options.task, options.workers, options.disks, rng)
    print(*wrong, sep="\n")
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
