"""What every sandbox backend promises, whatever it is made of."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from evolver.errors import SandboxError
from evolver.sandbox import Ending, Limits, Sandbox
from evolver.testing.sandbox_bench import SandboxBench, first_words, started_from_now

SLOTS = 2


class SandboxContract:
    """Override `open_sandbox`, which opens the backend under test with so many slots.

    No test bounds wall-clock time from above: what a job must not outlive is awaited.
    """

    @pytest.fixture
    def open_sandbox(self) -> Callable[[int], Sandbox]:
        """Opens one, such as the class's own `open`."""
        raise NotImplementedError("override the fixture open_sandbox")

    @pytest_asyncio.fixture
    async def bench(self, open_sandbox: Callable[[int], Sandbox], tmp_path: Path) -> AsyncIterator[SandboxBench]:
        """The backend with two slots, closed afterwards."""
        bench = SandboxBench(open_sandbox(SLOTS), tmp_path)
        yield bench
        await bench.sandbox.close()

    @pytest.fixture
    def survivors(self) -> Callable[[], list[psutil.Process]]:
        """The processes below this one that the test has started and that still run."""
        return started_from_now()

    @pytest.fixture
    def limits_processes(self, bench: SandboxBench) -> bool:
        """Whether processes are limited: as the backend says itself."""
        return bench.claims("processes")

    def test_its_class_says_what_it_is(self, open_sandbox: Callable[[int], Sandbox]) -> None:
        """A name without spaces, whether it protects, and lines for `evolver doctor`."""
        sandbox = open_sandbox(1)
        assert re.fullmatch(r"[a-z][a-z0-9:_-]*", sandbox.name)
        assert isinstance(sandbox.protects, bool) and isinstance(sandbox.own_packages, bool)
        assert all(line.what and line.how for line in type(sandbox).diagnose())
        asyncio.run(sandbox.close())

    @pytest.mark.asyncio
    async def test_it_says_what_it_guards(self, bench: SandboxBench) -> None:
        """Line by line; one that protects confines network, files and privileges."""
        lines = bench.sandbox.protections()
        assert lines and all(line.what and line.how for line in lines)
        if bench.sandbox.protects:
            assert all(bench.claims(what) for what in ("network", "file system", "user", "system calls"))

    @pytest.mark.asyncio
    async def test_delivers_files_log_and_figures(self, bench: SandboxBench) -> None:
        """Files as they are and private to this user, the log in order, CPU time and memory as they were."""
        code = (
            "os.makedirs(R + '/out/a/b')\nopen(R + '/out/a/b/c.bin', 'wb').write(bytes(range(256)) * 5000)\n"
            "open(R + '/out/empty', 'w')\n"
            "os.mkdir(R + '/out/nothing')\nprint('one'); print('two', file=sys.stderr)\nx = bytearray(60 << 20)\n"
            "end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
        )
        outcome, output = await bench.run(code)
        assert outcome.succeeded and outcome.ending is Ending.EXITED and outcome.reason == ""
        assert outcome.log == "one\ntwo\n"
        assert 0.2 <= outcome.cpu_seconds < 2.0 and outcome.seconds >= 0.2
        assert 60 << 20 <= outcome.peak_memory < 200 << 20
        assert sorted(str(path.relative_to(output)) for path in output.rglob("*")) == ["a", "a/b", "a/b/c.bin", "empty"]
        assert (output / "a/b/c.bin").read_bytes() == bytes(range(256)) * 5000
        assert output.stat().st_mode & 0o777 == 0o700 and (output / "empty").stat().st_mode & 0o777 == 0o600
        assert list(bench.folder.iterdir()) == [output]

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        ("code", "status"), [("sys.exit(3)", 3), ("raise ValueError('boom')", 1), ("os.kill(os.getpid(), 9)", -9)]
    )
    async def test_failure_keeps_status_and_output(self, bench: SandboxBench, code: str, status: int) -> None:
        """A signal is a negative status."""
        outcome, output = await bench.run("open(R + '/out/partial', 'w').write('x')\n" + code)
        assert (outcome.ending, outcome.exit_code, outcome.succeeded) == (Ending.EXITED, status, False)
        assert (output / "partial").read_text(encoding="utf-8") == "x"
        assert "boom" in outcome.log or "boom" not in code

    @pytest.mark.asyncio
    async def test_a_command_that_does_not_exist_fails_like_in_a_shell(self, bench: SandboxBench) -> None:
        """Status 127, and the log names it."""
        outcome, _ = await bench.run("", command=("no-such-program", "x"))
        assert outcome.exit_code == 127 and "no-such-program" in outcome.log

    @pytest.mark.asyncio
    async def test_commands_of_the_system_run(self, bench: SandboxBench) -> None:
        """Pipes included."""
        outcome, _ = await bench.run("", command=("sh", "-c", "yes | head -1; exit 4"))
        assert (outcome.exit_code, outcome.log) == (4, "y\n")

    @pytest.mark.asyncio
    async def test_the_environment_is_an_allow_list(self, bench: SandboxBench, monkeypatch: pytest.MonkeyPatch) -> None:
        """A few fixed variables and the job's own; the program starts in its HOME, with an empty standard input."""
        monkeypatch.setenv("OUTSIDE", "1")
        code = "print(sorted(os.environ.items()), os.getcwd() == os.environ['HOME'], sys.stdin.read())"
        environment = {"STAGE": "full", "PYTHONHASHSEED": "7"}
        outcome, _ = await bench.run(code, environment=environment, limits=Limits(cpus=3))
        for known in ("('STAGE', 'full')", "('PYTHONHASHSEED', '7')", "('OMP_NUM_THREADS', '3')", " True "):
            assert known in outcome.log
        assert "OUTSIDE" not in outcome.log and "EVOLVER_HOME" not in outcome.log
        assert not bench.sandbox.protects or "EVOLVER_ROOT" not in outcome.log

    @pytest.mark.asyncio
    async def test_a_secret_looking_variable_never_becomes_a_job(self, bench: SandboxBench) -> None:
        """The job refuses it, before any backend sees it."""
        with pytest.raises(ValueError, match="API_KEY"):
            bench.job("", environment={"API_KEY": "x"})

    @pytest.mark.asyncio
    async def test_inputs_appear_and_stay_as_they_are(self, bench: SandboxBench) -> None:
        """Folders and files at any place; one that protects shows them read-only."""
        folder = bench.folder / "data"
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "x.txt").write_text("inside", encoding="utf-8")
        (folder / "main.py").write_text(
            "import os; print(open(os.environ.get('EVOLVER_ROOT', '') + '/data/deep/x.txt').read())\n"
            "try: open(os.path.dirname(__file__) + '/deep/x.txt', 'w')\nexcept OSError: print('no')",
            encoding="utf-8",
        )
        inputs = {"/data": folder, "/single/file": folder / "main.py"}
        outcome, _ = await bench.run("", command=("python", "/data/main.py"), inputs=inputs)
        assert outcome.log.startswith("inside\n"), outcome
        assert (folder / "deep" / "x.txt").read_text(encoding="utf-8") == "inside"
        assert not bench.sandbox.protects or outcome.log == "inside\nno\n"

    @pytest.mark.asyncio
    async def test_inputs_only_their_owner_may_read(self, bench: SandboxBench) -> None:
        """As is what an earlier job delivered."""
        _, first = await bench.run("open(R + '/out/weights', 'w').write('0.5')")
        secret = bench.folder / "single"
        secret.write_text("alone", encoding="utf-8")
        secret.chmod(0o600)
        outcome, _ = await bench.run(
            "print(open(R + '/artifacts/weights').read(), open(R + '/single').read())",
            inputs={"/artifacts": first, "/single": secret},
        )
        assert outcome.log == "0.5 alone\n", outcome
        assert secret.stat().st_mode & 0o777 == 0o600 and first.stat().st_mode & 0o777 == 0o700
        assert {path.name for path in bench.folder.iterdir()} == {"out0", "out1", "single"}

    @pytest.mark.asyncio
    async def test_time_runs_out(self, bench: SandboxBench) -> None:
        """A program that ignores signals ends all the same, and delivers nothing."""
        outcome, output = await bench.run(
            "import signal; signal.signal(15, signal.SIG_IGN)\nprint('on'); open(R + '/out/x', 'w')\nwhile True: pass",
            limits=Limits(wall_seconds=3),
        )
        assert outcome.ending is Ending.TIMEOUT and outcome.exit_code is None and "3 s" in outcome.reason
        assert outcome.seconds >= 3 and outcome.log == "on\n"
        assert outcome.cpu_seconds + (outcome.waited_seconds or 0.0) > 0.1
        assert not output.exists() and list(bench.folder.iterdir()) == []

    @pytest.mark.asyncio
    async def test_memory_runs_out(self, bench: SandboxBench) -> None:
        """The reason names the limit; nothing is delivered."""
        outcome, output = await bench.run(
            "x = []\nfor _ in range(1000): x.append(bytearray(1 << 20)); time.sleep(0.001)\ntime.sleep(60)",
            limits=Limits(memory=64 << 20),
        )
        assert outcome.ending is Ending.OUT_OF_MEMORY and "64 MiB" in outcome.reason
        assert not output.exists()

    @pytest.mark.asyncio
    async def test_memory_counts_shared_pages_once(self, bench: SandboxBench) -> None:
        """Forked children share what their parent had; only what they change is theirs."""
        code = "x = bytearray(60 << 20)\nif os.fork() == 0: os.fork()\ntime.sleep(0.4)"
        outcome, _ = await bench.run(code, limits=Limits(memory=100 << 20))
        assert outcome.succeeded, outcome

    @pytest.mark.asyncio
    async def test_processes_run_out(self, bench: SandboxBench, limits_processes: bool) -> None:
        """If it says that it limits them: forking fails, or the job is ended."""
        if not limits_processes:
            pytest.skip(f"{bench.sandbox.name} does not say that it limits processes")
        code = (
            "n = 0\ntry:\n    for _ in range(40):\n        if os.fork() == 0: time.sleep(60); os._exit(0)\n"
            "        n += 1\n    time.sleep(60)\n"
            "except OSError: print('stopped', n)"
        )
        outcome, _ = await bench.run(code, limits=Limits(processes=12, wall_seconds=45))
        if outcome.exit_code == 0:
            stopped = re.search(r"stopped (\d+)\n", outcome.log)
            assert stopped is not None and int(stopped[1]) <= 12, outcome
        else:
            assert "12 processes" in outcome.reason

    @pytest.mark.asyncio
    async def test_refused_output_is_not_delivered(self, bench: SandboxBench) -> None:
        """A symbolic link among it is enough."""
        outcome, output = await bench.run(
            "open(R + '/out/good', 'w'); os.symlink('/etc/passwd', R + '/out/bad'); sys.exit(2)"
        )
        assert (outcome.ending, outcome.exit_code) == (Ending.OUTPUT_REFUSED, 2)
        assert "bad is a symbolic link" in outcome.reason
        assert not output.exists() and list(bench.folder.iterdir()) == []

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        ("limits", "why"),
        [
            (Limits(output_files=3), "more than 3 files"),
            (Limits(output=40_000), "more than 40000 bytes|exit"),
        ],
        ids=["files", "bytes"],
    )
    async def test_output_is_bounded(self, bench: SandboxBench, limits: Limits, why: str) -> None:
        """In number and in bytes."""
        code = "for i in range(5): open(f'{R}/out/{i}', 'wb').write(bytes(10_000))"
        outcome, output = await bench.run(code, limits=limits)
        assert not outcome.succeeded
        assert outcome.exit_code == 1 or re.search(why, outcome.reason)
        assert not output.exists() or sum(path.stat().st_size for path in output.iterdir()) <= 40_000

    @pytest.mark.asyncio
    async def test_the_log_keeps_its_end(self, bench: SandboxBench) -> None:
        """Not more than its limit."""
        outcome, _ = await bench.run("for i in range(200_000): print(i)", limits=Limits(log=5000))
        assert outcome.log.endswith("199998\n199999\n") and 4900 < len(outcome.log) <= 5000

    @pytest.mark.asyncio
    async def test_the_log_streams(self, bench: SandboxBench) -> None:
        """What is printed is there while the program still runs; the handle knows its job."""
        handle = await bench.sandbox.start(bench.job("print('first'); time.sleep(300)"))
        waiting = asyncio.create_task(bench.sandbox.wait(handle))
        assert (await first_words(handle)).startswith("first")
        assert not waiting.done() and handle.job.id == "contract-0"
        await bench.sandbox.stop(handle)
        assert (await waiting).log.startswith("first")
        ended = await bench.sandbox.start(bench.job("print('one'); time.sleep(0.2); print('two', end='')"))
        assert "".join([piece async for piece in ended.logs()]) == "one\ntwo"
        await bench.sandbox.wait(ended)

    @pytest.mark.asyncio
    async def test_slots_are_not_exceeded(self, bench: SandboxBench) -> None:
        """Two jobs run at a time; a third one starts when one of them has ended, or when there is another slot."""
        first, _second = [await bench.sandbox.start(bench.job("time.sleep(300)")) for _ in range(SLOTS)]
        third = asyncio.create_task(bench.sandbox.start(bench.job("time.sleep(300)")))
        fourth = asyncio.create_task(bench.sandbox.start(bench.job("print('fourth')")))
        done, _ = await asyncio.wait([third, fourth], timeout=1)
        assert not done
        await bench.sandbox.stop(first)
        done, _ = await asyncio.wait([third, fourth], return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
        bench.sandbox.resize(SLOTS + 1)
        assert (await bench.sandbox.wait(await fourth)).log == "fourth\n"
        await third

    @pytest.mark.asyncio
    async def test_stop_ends_a_job_and_frees_its_slot(
        self, bench: SandboxBench, survivors: Callable[[], list[psutil.Process]]
    ) -> None:
        """Closing ends the rest."""
        handles = [await bench.sandbox.start(bench.job("print('up'); time.sleep(300)")) for _ in range(SLOTS)]
        waiting = asyncio.create_task(bench.sandbox.wait(handles[0]))
        await asyncio.sleep(0.1)
        await bench.sandbox.stop(handles[0])
        outcome = await waiting
        assert outcome.ending is Ending.CANCELLED and outcome.exit_code is None
        assert (await bench.run("print('next')"))[0].log == "next\n"
        await bench.sandbox.stop(handles[0])
        await bench.sandbox.close()
        assert (await bench.sandbox.wait(handles[1])).ending is Ending.CANCELLED
        assert survivors() == []

    @pytest.mark.asyncio
    async def test_a_finished_job_cannot_be_stopped_any_more(self, bench: SandboxBench) -> None:
        """Its outcome stays."""
        handle = await bench.sandbox.start(bench.job("pass"))
        first = await bench.sandbox.wait(handle)
        await bench.sandbox.stop(handle)
        assert await bench.sandbox.wait(handle) == first and first.succeeded

    @pytest.mark.asyncio
    async def test_cancelling_the_wait_ends_the_job(
        self, bench: SandboxBench, survivors: Callable[[], list[psutil.Process]]
    ) -> None:
        """And frees its slot."""
        await bench.run("pass")
        kept_ready = survivors()  # for jobs to come, if anything
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await bench.run("time.sleep(300)")
        assert set(survivors()) <= set(kept_ready)
        assert [(await bench.run("pass"))[0].succeeded for _ in range(3)] == [True] * 3

    @pytest.mark.asyncio
    async def test_what_still_has_its_process_cannot_be_attached(self, bench: SandboxBench) -> None:
        """Nor is it taken for something left behind."""
        handle = await bench.sandbox.start(bench.job("pass"))
        assert await bench.sandbox.attach(handle.job) is None
        assert await bench.sandbox.reap({"campaign": str(bench.folder)}) == 0
        assert (await bench.sandbox.wait(handle)).succeeded

    @pytest.mark.asyncio
    async def test_wrong_jobs_are_errors_and_cost_no_slot(self, bench: SandboxBench) -> None:
        """An input that is not there, an output that is."""
        for _ in range(3):
            with pytest.raises(SandboxError, match="does not exist"):
                await bench.run("", inputs={"/data": bench.folder / "nothing"})
            with pytest.raises(SandboxError, match="exists already"):
                await bench.run("", output=bench.folder)
        assert (await bench.run("pass"))[0].succeeded

    @pytest.mark.asyncio
    async def test_another_sandbox_does_not_take_its_handles(self, bench: SandboxBench) -> None:
        """A handle of nobody's is an error."""

        class Foreign:
            job = bench.job("pass")

            def logs(self) -> AsyncIterator[str]:
                raise AssertionError("nobody should look")

        with pytest.raises(SandboxError):
            await bench.sandbox.wait(Foreign())

    @pytest.mark.asyncio
    async def test_multiprocessing_works(self, bench: SandboxBench) -> None:
        """Queues, locks, shared memory, and sockets of the job's own."""
        code = (
            "import multiprocessing as m\nfrom multiprocessing.shared_memory import SharedMemory\n"
            "q = m.Queue()\nlock = m.Lock()\np = m.Process(target=q.put, args=(41,))\np.start()\np.join()\n"
            "s = SharedMemory(create=True, size=1 << 20)\ns.close()\ns.unlink()\n"
            "import socket\na, b = socket.socketpair()\nl = socket.create_server(('localhost', 0))\n"
            "socket.create_connection(l.getsockname())\n"
            "print(q.get() + 1)"
        )
        outcome, _ = await bench.run(code)
        assert outcome.log == "42\n", outcome
