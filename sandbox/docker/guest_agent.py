"""Process 1 of a container: waits for its one job, runs it, and keeps what it left until someone has taken it.

Run as `python -I -S guest_agent.py SOCKET`. Being process 1 it cannot be killed, stopped or traced by the program; its
clock and its word hold even while nobody is outside. It connects to the socket of whoever started the container and,
should that one die, to the same path again until another listens there. Numbers are big-endian:

    agent       H <u8 1 if a job was given> <u64 bytes of log so far>     on every connection
    host        J <u32 length> <json>     the job, if there is none yet
                A <u64 offset>            go on from that byte of the log
    agent       S                         the program runs
                E <u16 length> <text>     it could not be started in safety; nothing follows
                L <u32 length> <bytes>    what it printed, as it comes
                C <u8 cause> <u64 seconds> <u64 processor seconds> <u64 memory> <u32 kills> <i64 waited seconds>
                                          its end, see GuestMetrics; seconds are microseconds, -1 if unknown
                D, F, R, .                as launcher.py sends them, when it ended by itself
    host        B                         taken; the container may go

Standard library only. It is started before there is a job, so its imports cost nobody time.
"""

# ruff: noqa: PTH100, PTH120, PTH123

import base64
import ctypes
import json
import os
import select
import signal
import struct
import sys
import time
from typing import TYPE_CHECKING

# The folder is not on the path of an isolated interpreter.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
if TYPE_CHECKING:
    from evolver.sandbox import launcher
    from evolver.sandbox.cpu_contention import seconds_left
    from evolver.sandbox.docker.guest_agent_link import PIECE, RETRY, Gone, Link, Log
    from evolver.sandbox.docker.guest_agent_metrics import GuestMetrics
else:
    import launcher
    from cpu_contention import seconds_left
    from guest_agent_link import PIECE, RETRY, Gone, Link, Log
    from guest_agent_metrics import GuestMetrics

EXITED, TIMED_OUT, REFUSED = 0, 1, 2
PATIENCE = 24 * 3600.0
"""Seconds that a finished job waits to be taken."""
FIRST_CONTACT = 3.0
"""Seconds to find whoever started this; they listen before they start it."""
ANSWER = 60.0
SET_DUMPABLE, SET_SECCOMP, FILTER = 4, 22, 2


class GuestAgent:
    """One job, from the moment it is given until it is taken."""

    def __init__(self, link: Link, job: dict[str, object]) -> None:
        self._link, self._job = link, job
        self._log = Log(int(str(job["log"])))
        self._options = launcher.Options([str(word) for word in _list(job["options"])])
        self._options.last_step = self._confine  # type: ignore[method-assign]
        self._silent = False

    def run(self) -> None:
        """Start the program, follow it, clear up after it and hand over what it left."""
        reader, writer = os.pipe()
        saved = os.dup(2)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        try:
            child = launcher.start(self._options, [str(word) for word in _list(self._job["command"])])
        except RuntimeError as error:
            self._link.send(launcher.text_frame(b"E", str(error)))
            self._link.exactly(1)
            return
        finally:
            for descriptor in (1, 2):
                os.dup2(saved, descriptor)
            os.close(saved)
            os.close(writer)
        figures = GuestMetrics()
        self._link.offer(b"S")
        status, refused = self._follow(child, reader, figures)
        cause = REFUSED if refused else EXITED if status is not None else TIMED_OUT
        ended = figures.frame(cause)
        launcher.end_others(self._options)
        self._drain(reader)
        # Once more: the kernel may have killed others of the job after its first process had ended.
        self._hand_over(figures.frame(cause) if cause == EXITED else ended, status, refused)

    def _confine(self) -> None:
        """In the child, last: be the first to go when memory is short, and close doors that the engine leaves open."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(SET_DUMPABLE, 1, 0, 0, 0)
        with open("/proc/self/oom_score_adj", "w", encoding="utf-8") as file:
            file.write("1000")
        rules = base64.b64decode(str(self._job["filter"]))
        if not rules:
            return
        buffer = ctypes.create_string_buffer(rules, len(rules))
        program = struct.pack("@HxxxxxxQ", len(rules) // 8, ctypes.addressof(buffer))
        if libc.prctl(SET_SECCOMP, FILTER, ctypes.create_string_buffer(program, len(program)), 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "the system call filter was refused")

    def _follow(self, child: int, reader: int, figures: GuestMetrics) -> tuple[int | None, str]:
        """The wait status once the child has ended, None if its time ran out; why it was ended, if it was refused."""
        wall, cpus = float(str(self._job["wall"])), int(str(self._job["cpus"]))
        pidfd = os.pidfd_open(child)
        os.set_blocking(reader, False)
        try:
            while True:
                left = seconds_left(wall, figures.seconds, figures.cpu_seconds, figures.waited, cpus)
                if left <= 0:
                    return None, ""
                self._wait(min(left, figures.look()), pidfd, reader)
                self._pump(reader)
                status = launcher.reap(child)
                if status is not None:
                    return status, ""
                if not self._link.up:
                    self._reconnect()
        finally:
            os.close(pidfd)

    def _wait(self, seconds: float, pidfd: int, reader: int) -> None:
        """Until the child ends, prints, or the link has news."""
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not self._link.busy and not self._silent:
            poll.register(reader, select.POLLIN)
        if self._link.up:
            poll.register(self._link.socket, select.POLLIN | (select.POLLOUT if self._link.busy else 0))
        else:
            seconds = min(seconds, RETRY)
        for descriptor, event in poll.poll(seconds * 1000):
            if descriptor == reader and event & select.POLLHUP and not event & select.POLLIN:
                self._silent = True  # nobody can print any more, and each wait would return at once
            if self._link.up and descriptor == self._link.socket.fileno() and event & ~select.POLLOUT:
                self._link.drop()  # the host says nothing while a program runs

    def _pump(self, reader: int) -> None:
        """Move what was printed into the log, and on to the host if it keeps up."""
        try:
            data = os.read(reader, PIECE)
        except BlockingIOError:
            data = b""
        if data:
            self._log.add(data)
        self._link.offer(b"" if self._link.busy else self._log.piece())

    def _drain(self, reader: int) -> None:
        """The rest of the log; everyone who could write to it is gone."""
        os.set_blocking(reader, False)
        while True:
            try:
                data = os.read(reader, PIECE)
            except BlockingIOError:
                break
            if not data:
                break
            self._log.add(data)
        os.close(reader)

    def _reconnect(self) -> bool:
        """Try to reach a host again; True if it goes on from where it was."""
        if not self._link.connect(b"H" + struct.pack(">BQ", 1, self._log.total)):
            return False
        try:
            self._link.socket.settimeout(ANSWER)
            if self._link.exactly(1) != b"A":
                raise Gone
            self._log.go_back(struct.unpack(">Q", self._link.exactly(8))[0])
            self._link.send(b"S")
        except Gone:
            self._link.drop()
            return False
        return True

    def _hand_over(self, figures: bytes, status: int | None, refused: str) -> None:
        """Tell how it ended and send the output, again and again until someone has taken it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if not self._link.up and not self._reconnect():
                time.sleep(RETRY)
                continue
            try:
                while piece := self._log.piece():
                    self._link.send(piece)
                self._link.send(figures)
                self._deliver(status, refused)
                if self._link.exactly(1) == b"B":
                    return
            except (Gone, OSError):
                self._link.drop()

    def _deliver(self, status: int | None, refused: str) -> None:
        if status is None:
            return
        self._link.send(b"D" + struct.pack(">iQ", os.waitstatus_to_exitcode(status), 0))
        if refused:
            self._link.send(launcher.text_frame(b"R", refused))
            return
        self._options.stream = self._link.socket.fileno()
        launcher.deliver(self._options)


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


def main(path: str) -> None:
    """Wait for a job and see it through; return at once if whoever started this goes away before giving one."""
    link = Link(path)
    ctypes.CDLL(None).prctl(SET_DUMPABLE, 0, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    deadline = time.monotonic() + FIRST_CONTACT
    while not link.connect(b"H" + struct.pack(">BQ", 0, 0)):
        if time.monotonic() > deadline:
            sys.exit("nobody listens at the socket")
        time.sleep(RETRY)
    try:
        if link.exactly(1) != b"J":
            return
        (length,) = struct.unpack(">I", link.exactly(4))
        job = json.loads(link.exactly(length))
    except Gone:
        return
    # Beside it there is only what the image says, such as where its programs are.
    os.environ.update(job["environment"])
    GuestAgent(link, job).run()


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)
