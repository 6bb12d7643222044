"""Runs the candidate's objective in a process of its own, and talks to it in numbers.

Each run has a process of its own, forked from one that has imported torch and nothing of the candidate, so that a run
finds nothing of those before it. The trainer holds the policy, the problems and the optimiser. The
objective's process is told rewards, lengths, log-probabilities and entropies, and answers which groups to train on and
the derivative of its loss by every log-probability and entropy. Nothing that it sends is code, and no weight, prompt or
response is ever sent to it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

Array = np.ndarray[Any, Any]
LONGEST_HEADER = 1 << 16
SET_DUMPABLE, SET_SUBREAPER = 4, 36


class ObjectiveFailed(Exception):
    """The candidate's functions raised an error or returned what they may not."""


class Channel:
    """Messages over two pipes: a line of JSON, then arrays of single-precision numbers."""

    def __init__(self, reading: BinaryIO, writing: BinaryIO) -> None:
        self._reading, self._writing = reading, writing

    def send(self, header: dict[str, Any], *arrays: Array) -> None:
        """Write a message; raises OSError if nobody reads."""
        shapes = [array.shape for array in arrays]
        self._writing.write(json.dumps({**header, "shapes": shapes}).encode() + b"\n")
        for array in arrays:
            self._writing.write(np.ascontiguousarray(array, dtype=np.float32).tobytes())
        self._writing.flush()

    def receive(self, shapes: Sequence[tuple[int, ...]] | None = None) -> tuple[dict[str, Any], list[Array]]:
        """Read a message whose arrays have the given shapes, or the ones that it names if the sender is trusted.

        Raises EOFError if the other side has ended, ValueError if this is no such message.
        """
        line = self._reading.readline(LONGEST_HEADER)
        if not line:
            raise EOFError
        header = json.loads(line)
        if not isinstance(header, dict):
            raise ValueError("no JSON object")
        if "error" in header:
            return header, []
        wanted = [tuple(shape) for shape in header["shapes"]] if shapes is None else shapes
        arrays = []
        for shape in wanted:
            size = 4 * math.prod(shape)
            data = self._reading.read(size)
            if len(data) != size:
                raise EOFError
            arrays.append(np.frombuffer(data, np.float32).reshape(shape))
        return header, arrays

    def close(self) -> None:
        """Close both pipes, whatever is still in them."""
        for end in (self._reading, self._writing):
            with contextlib.suppress(OSError):
                end.close()


class Objective:
    """The trainer's side: starts a process for each run, asks it, and ends it with all that it has started."""

    def __init__(self, program: Path, file: str, seed: int, writable: Sequence[Path] = ()) -> None:
        """`file` is the entry file in the folder `program`; the folders `writable` are emptied between runs."""
        _guard_this_process(on=True)
        self._known = _children()
        self._writable = writable
        self._control, other = socket.socketpair()
        self._channel: Channel | None = None
        # Whatever says how this trial is to be reproduced stays here.
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("EVOLVER_", "CUDA_"))}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), str(program), file, str(seed), str(other.fileno())],
            pass_fds=[other.fileno()],
            env={**environment, "CUDA_VISIBLE_DEVICES": ""},
            stdin=subprocess.DEVNULL,
        )
        other.close()
        # Then it is closed to every program, also to those of other trainers that begin earlier.
        self._control.recv(1)

    def begin(self) -> None:
        """Load the program in a new process, after the one before it has been stopped."""
        self.stop()
        requests, answers = os.pipe(), os.pipe()
        with contextlib.suppress(OSError):  # if it has been killed, nobody answers
            socket.send_fds(self._control, [b"."], [requests[0], answers[1]])
        os.close(requests[0])
        os.close(answers[1])
        self._channel = Channel(os.fdopen(answers[0], "rb"), os.fdopen(requests[1], "wb"))
        self._ask({"do": "begin"}, [], [])

    def stop(self) -> None:
        """Kill the process of a run and every process that it has left behind."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        self._kill_all_but({*self._known, self._process.pid})

    def forget(self) -> None:
        """Delete all files that a run may have left."""
        for folder in self._writable:
            empty(folder)

    def select(self, rewards: Array, lengths: Array, count: int) -> list[int]:
        """Numbers of the groups to train on, at most `count`; both arrays are (groups, samples)."""
        groups = self._ask({"do": "select", "count": count}, [rewards, lengths], [])[0].get("groups")
        if not isinstance(groups, list) or not all(type(group) is int for group in groups):
            raise ObjectiveFailed("select() returned no list of group numbers")
        if not 1 <= len(groups) <= count:
            raise ObjectiveFailed(f"select() returned {len(groups)} groups; return 1 to {count}")
        if len(set(groups)) != len(groups) or not all(0 <= group < len(rewards) for group in groups):
            raise ObjectiveFailed(f"select() returned groups that repeat or are not from 0 to {len(rewards) - 1}")
        return groups

    def advantages(self, rewards: Array, mask: Array) -> None:
        """Let the objective work out and keep the advantages; rewards (groups, samples), mask (..., tokens)."""
        self._ask({"do": "advantages"}, [rewards, mask], [])

    def gradient(self, logp: Array, old_logp: Array, ref_logp: Array, entropy: Array) -> tuple[Array, Array]:
        """Derivatives of the loss by `logp` and by `entropy`; all are (groups, samples, tokens)."""
        by_logp, by_entropy = self._ask({"do": "gradient"}, [logp, old_logp, ref_logp, entropy], [logp.shape] * 2)[1]
        if not (np.isfinite(by_logp).all() and np.isfinite(by_entropy).all()):
            raise ObjectiveFailed("loss() has a derivative that is not finite")
        return by_logp, by_entropy

    def end(self) -> None:
        """Kill everything that was started here."""
        self._process.kill()
        self._process.wait()
        self.stop()
        self._control.close()
        _guard_this_process(on=False)

    def _kill_all_but(self, spared: set[int]) -> None:
        while left := _children() - spared:
            for child in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(child, 0)

    def _ask(self, header: dict[str, Any], arrays: list[Array], shapes: list[tuple[int, ...]]
             ) -> tuple[dict[str, Any], list[Array]]:
        assert self._channel is not None
        try:
            self._channel.send(header, *arrays)
            answer, received = self._channel.receive(shapes)
        except (EOFError, OSError):
            raise ObjectiveFailed("the program ended itself") from None
        except (ValueError, RecursionError):
            raise ObjectiveFailed("the program wrote into the pipe to the trainer") from None
        if "error" in answer:
            raise ObjectiveFailed(str(answer["error"])[:8000])
        return answer, received


def _guard_this_process(*, on: bool) -> None:
    """Let no process of the same user read or write this one's memory, and inherit the orphans of its children."""
    library = ctypes.CDLL(None, use_errno=True)
    for option, value in ((SET_DUMPABLE, not on), (SET_SUBREAPER, on)):
        if library.prctl(option, int(value), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def empty(folder: Path) -> None:
    """Delete what is in the folder, but nothing that is mounted there."""
    device = folder.stat().st_dev
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if path.lstat().st_dev != device:
                continue
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
                empty(path)
                path.rmdir()
            else:
                path.unlink()


def _children() -> set[int]:
    """Processes whose parent is this one."""
    own, found = os.getpid(), set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(status[1]) == own:
                    found.add(int(entry.name))
    return found


# The objective's side


class _Served:
    """The candidate's module and what its functions said last."""

    def __init__(self, program: Path, file: str, seed: int) -> None:
        self._program, self._file, self._seed = program, file, seed
        self._module: ModuleType | None = None
        self._advantages: Any = None
        self._mask: Any = None

    def answer(self, header: dict[str, Any], arrays: list[Array]) -> tuple[dict[str, Any], list[Array]]:
        """What to send back; raises what the candidate raises."""
        import torch

        tensors = [torch.from_numpy(array.copy()) for array in arrays]
        match header["do"]:
            case "begin":
                self._module = self._loaded()
            case "select":
                assert self._module is not None
                return {"groups": [int(group) for group in self._module.select(*tensors, header["count"])]}, []
            case "advantages":
                assert self._module is not None
                self._mask = tensors[1]
                found = torch.as_tensor(self._module.advantages(*tensors), dtype=torch.float32).detach()
                if found.shape == self._mask.shape[:2]:
                    found = found[..., None]
                if found.shape[:2] != self._mask.shape[:2] or found.shape[2:] not in ((1,), self._mask.shape[2:]):
                    raise ValueError(f"advantages() returned shape {tuple(found.shape)}; return (groups, samples) or "
                                     f"(groups, samples, tokens), here {tuple(self._mask.shape)}")
                self._advantages = found * self._mask
            case "gradient":
                return {}, self._gradient(*tensors)
        return {}, []

    def _loaded(self) -> ModuleType:
        import random

        import torch

        path = self._program / self._file
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        random.seed(self._seed)
        np.random.seed(self._seed % 2**32)
        torch.manual_seed(self._seed)
        spec.loader.exec_module(module)
        return module

    def _gradient(self, logp: Any, old_logp: Any, ref_logp: Any, entropy: Any) -> list[Array]:
        import torch

        assert self._module is not None
        logp.requires_grad_()
        entropy.requires_grad_()
        loss = self._module.loss(logp, old_logp, ref_logp, entropy, self._advantages, self._mask)
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            raise TypeError("loss() returned no tensor with one number")
        if not loss.requires_grad:
            raise ValueError("loss() returned a number that does not depend on logp or entropy")
        found = torch.autograd.grad(loss.reshape(()), (logp, entropy), allow_unused=True)
        return [np.zeros(logp.shape, np.float32) if part is None else part.numpy() for part in found]


def serve(program: Path, file: str, seed: int, channel: Channel) -> None:
    """Answer the trainer until it ends this process."""
    served = _Served(program, file, seed)
    while True:
        try:
            header, arrays = channel.receive()
        except EOFError:
            return
        try:
            answer, sent = served.answer(header, arrays)
        except BaseException as error:
            answer, sent = {"error": _said(error)}, []
        channel.send(answer, *sent)


def fork_runs(program: Path, file: str, seed: int, control: socket.socket) -> None:
    """Fork a process for each pair of pipes that the trainer sends, until it closes the connection.

    This process imports nothing of the candidate, and those that it forks cannot look into its memory. They become
    children of the trainer, which adopts the orphans of its descendants.
    """
    import torch

    torch.set_num_threads(1)
    trainer = os.getppid()
    ctypes.CDLL(None).prctl(SET_DUMPABLE, 0, 0, 0, 0)
    control.send(b".")
    while True:
        message, ends, _, _ = socket.recv_fds(control, 1, 2)
        if not message:
            return
        child = os.fork()
        if child == 0:
            try:
                between = os.getpid()
                if os.fork() == 0:
                    # Not before the trainer has adopted this process, and so can find and kill it.
                    while os.getppid() == between:
                        time.sleep(0.0005)
                    if os.getppid() != trainer:
                        return
                    control.close()
                    sys.path.insert(0, str(program))
                    serve(program, file, seed, Channel(os.fdopen(ends[0], "rb"), os.fdopen(ends[1], "wb")))
            finally:
                os._exit(0)
        for end in ends:
            os.close(end)
        os.waitpid(child, 0)


def _said(error: BaseException) -> str:
    """The traceback from the candidate's first frame on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and (
        trace.tb_frame.f_code.co_filename.startswith("<frozen importlib")
        or Path(trace.tb_frame.f_code.co_filename).resolve() == Path(__file__).resolve()
    ):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))[-8000:]


if __name__ == "__main__":
    folder, name, number, connection = sys.argv[1:]
    fork_runs(Path(folder), name, int(number), socket.socket(fileno=int(connection)))
