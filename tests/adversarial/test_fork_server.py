"""Programs that attack what they were forked from, and each other through it."""

from __future__ import annotations

from typing import Any

from evolver.sandbox import Ending

LEAVE = """
kept = ["the-word-of-" + "an-earlier-program"] * 1000
os.environ["LEFT"] = sys.argv[0] = kept[0]
sys.modules["left"] = kept
import random; random.seed(7)
import signal; signal.signal(signal.SIGUSR1, lambda *_: None); signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
"""
LOOK = """
import gc, re, signal
word = re.compile(b"the-word-of-[a]n-earlier-program|the-host-[k]eeps-this")
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
    for line in maps:
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        if "r" not in line.split()[1] or "[v" in line: continue
        try:
            memory.seek(start); data = memory.read(end - start)
        except (OSError, ValueError, OverflowError): continue
        if found := word.search(data): print("LEAK", found[0], line)
for fd in os.listdir("/proc/self/fd"):
    try: goal = os.readlink("/proc/self/fd/" + fd)
    except OSError: continue
    if goal.startswith("socket:") or "memfd" in goal or int(fd) > 2 and not goal.startswith("/proc"): print("LEAK", fd, goal)
if "LEFT" in os.environ or "left" in sys.modules or signal.getsignal(signal.SIGUSR1): print("LEAK of a signal or a variable")
if signal.pthread_sigmask(signal.SIG_BLOCK, []): print("LEAK of a mask")
own = [name for name in ("fork_server", "forked_program", "cage", "launcher") if name in sys.modules]
if own or sys.argv != ["-c"] or sys.path[0] != "": print("LEAK", own, sys.argv, sys.path)
for one in gc.get_objects():
    if type(one).__name__ == "socket": print("LEAK", one)
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
print(status["NoNewPrivs"].strip(), status["CapPrm"].strip(), os.getppid(), os.getpgrp() == os.getpid())
"""
REACH = """
import signal
for pid in (0, os.getppid(), -1):
    for number in (signal.SIGTERM, signal.SIGKILL):
        if pid: attempt("denied", lambda: os.kill(pid, number))
print(sorted(name for name in os.listdir("/proc") if name.isdigit()) == sorted({"1", str(os.getpid())}))
attempt("LEAK", lambda: os.listdir(f"/proc/{os.getppid()}/fd"))
attempt("LEAK", lambda: open(f"/proc/{os.getppid()}/mem", "rb").read(1))
attempt("LEAK", lambda: open(f"/proc/{os.getppid()}/environ", "rb").read(1))
"""
EXHAUST = """
while True:
    try:
        if os.fork() == 0: __import__("time").sleep(60)
    except OSError: break
print("no more processes")
"""


def test_nothing_of_an_earlier_program_is_inherited(fight: Any) -> None:
    fight(LEAVE, tools=True, exit_code=0)
    fight(LOOK, tools=True, exit_code=0, says=r"1 0+ \d+ True")


def test_what_it_was_forked_from_is_out_of_reach(fight: Any) -> None:
    """Nor do jobs after it miss the server."""
    fight(REACH, tools=True, exit_code=0, says="True")
    fight(EXHAUST, tools=True, says="no more processes", endings=(Ending.EXITED, Ending.OUT_OF_MEMORY))
    fight("print('next')", exit_code=0, says="next")
