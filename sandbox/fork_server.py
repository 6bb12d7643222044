"""A warm Python from which jobs are forked, so that none of them starts an interpreter and imports again.

Run as `python -s -P fork_server.py SOCKET` in its own folder, so that programs find no path of the host in it. It
imports packages, and what the Python files of a folder import of the standard library, and compiles these files, which
jobs see in a place of their own. Nothing of a job is ever read in it: a request is one byte with descriptors, which a
fork reads. That fork, for one job, is a child of whoever started the server and process 1 of namespaces of its own: it
confines itself, and goes on as launcher.py.

    client      <json>              own_users: whether jobs get a namespace of users; folder, target, packages
    server      R                   ready
                T <text>            it cannot work here; nothing follows
    client      J + descriptors     a job: the request as JSON, its standard output, then what the request names
    server      P <i32 pid>         of process 1, or a negative error number

Standard library only; single-threaded, because a fork takes one thread along.
"""

# ruff: noqa: PTH118, PTH120, PTH123, PTH208

import ast
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import types
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evolver.sandbox import cage, forked_program, launcher
else:
    for name in ("cage", "launcher", "forked_program"):
        sys.modules[name] = module = types.ModuleType(name)
        with open(os.path.join(os.path.dirname(__file__), f"{name}.py"), "rb") as source:
            exec(compile(source.read(), f"{name}.py", "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    import cage
    import forked_program
    import launcher

MOST_DESCRIPTORS = 253
"""The kernel takes no more in one message."""
_PROBE = ("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--ro-bind", "/usr", "/usr", "--remount-ro", "/")  # noqa: S108


class ForkedOptions(launcher.Options):
    """The launcher's options, with this process as the interpreter."""

    code: forked_program.Code = {}

    def execute(self, command: list[str]) -> None:
        """Become the command without starting an interpreter."""
        forked_program.run(command, self.code)


def main(words: Sequence[str]) -> None:
    """Serve until the client is gone."""
    control = socket.socket(fileno=int(words[0]))
    parent = os.getppid()
    cage.die_with_parent()
    os.set_inheritable(control.fileno(), False)
    os.chdir("/")
    asked = json.loads(control.recv(1 << 16))
    own_users = bool(asked["own_users"])
    try:
        code = prepared(asked["folder"], asked["target"])
        for package in asked["packages"]:
            with suppress(ImportError):  # a job that needs it says so itself
                importlib.import_module(package)
        check_alone()
        check_powers(own_users=own_users)
    except Exception as error:
        control.send(b"T" + f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:1000])
        return
    gc.collect()
    gc.freeze()
    outside, user = cage.namespaces(), (os.geteuid(), os.getegid())
    control.send(b"R")
    while True:
        said, descriptors, _, _ = socket.recv_fds(control, 1, MOST_DESCRIPTORS)
        if not said or os.getppid() != parent:
            return
        try:
            pid = cage.fork_beside(user=own_users)
        except OSError as error:
            pid = -(error.errno or 1)
        if pid == 0:
            control.close()
            process_one(descriptors, code, outside, user)
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(b"P" + struct.pack(">i", pid))


def prepared(folder: str, target: str) -> dict[str, types.CodeType]:
    """Compile the Python files of a folder, and import what they import of the standard library."""
    code = {}
    for name in sorted(os.listdir(folder)) if folder else ():
        if name.endswith(".py"):
            with open(os.path.join(folder, name), "rb") as file:
                tree = ast.parse(file.read())
            code[f"{target}/{name}"] = compile(tree, f"{target}/{name}", "exec", dont_inherit=True)
            for module in standard_imports(tree):
                importlib.import_module(module)
    return code


def standard_imports(tree: ast.Module) -> list[str]:
    """Modules of the standard library that a file imports at once."""
    found = list[str]()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    return [name for name in found if name.partition(".")[0] in sys.stdlib_module_names and name != "__future__"]


def check_alone() -> None:
    """Raise RuntimeError if a library has started threads, which a fork would lose."""
    if len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("a library has started threads")


def check_powers(*, own_users: bool) -> None:
    """Raise RuntimeError unless a process may confine itself here; tried in a fork."""
    reader, writer = os.pipe()
    user, trier = (os.geteuid(), os.getegid()), os.fork()
    if trier == 0:
        # The child of a child that ends is nobody's to wait for; what it writes is waited for.
        try:
            if cage.fork_beside(user=own_users) == 0:
                if own_users:
                    cage.map_user(user[0], user)
                cage.lay_out(_PROBE, {})
                cage.give_up_privileges(0)
                os.write(writer, b"+")
        except BaseException as error:
            os.write(writer, repr(error).encode())
        os._exit(0)
    os.close(writer)
    said = b""
    while data := os.read(reader, 1000):
        said += data
    os.close(reader)
    for _ in range(2):
        os.waitpid(-1, 0)
    if said != b"+":
        raise RuntimeError(f"processes cannot confine themselves: {said.decode('utf-8', 'replace')}")


def process_one(
    descriptors: list[int], code: forked_program.Code, outside: dict[str, str], user: tuple[int, int]
) -> None:
    """Process 1 of the sandbox: confine itself, then run the program; never returns."""
    stream = None
    try:
        os.setsid()
        os.dup2(descriptors[1], 1)
        os.dup2(descriptors[1], 2)
        request = json.loads(read_all(descriptors[0]))
        numbers = dict(zip(request["descriptors"], descriptors[2:], strict=True))
        options = ForkedOptions(request["options"])
        stream = options.stream = numbers[options.stream]
        options.group = None if options.group is None else numbers[options.group]
        options.code = code
        cage.die_with_parent()
        filter_ = read_all(numbers[request["filter"]])
        if request["user"] is not None:
            cage.map_user(request["user"], user)
        cage.lay_out(request["words"], numbers)
        for descriptor in {*descriptors} - {options.stream, options.group}:
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(request["environment"])
        command = request["command"]
        forked_program.forget_shadowed(request["folders"])
        request.clear()
        cage.give_up_privileges(0 if options.user is None else cage.LAUNCHER_CAPABILITIES)
        # Taking privileges away can let the kernel forget what it was told of the parent's death.
        cage.die_with_parent()
        if listener_is_gone(stream):
            os._exit(1)
        cage.install_filter(filter_)
        cage.check_confinement(outside)
    except BaseException as error:
        refuse(stream, error)
    launcher.run(options, command)
    os._exit(0)


def listener_is_gone(stream: int) -> bool:
    """Whether nobody reads a pipe any more: then the parent ended before its end could be a signal here."""
    poll = select.poll()
    poll.register(stream, 0)
    return any(happened & select.POLLERR for _, happened in poll.poll(0))


def refuse(stream: int | None, error: BaseException) -> None:
    """Say why there is no program, and end."""
    if stream is not None:
        said = f"{type(error).__name__}: {error}"
        launcher.write_all(stream, launcher.text_frame(b"E", said))
    else:
        os.write(2, repr(error).encode())
    os._exit(1)


def read_all(descriptor: int) -> bytes:
    """Everything that is left in a file."""
    parts = []
    while data := os.read(descriptor, 1 << 20):
        parts.append(data)
    return b"".join(parts)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(sys.argv[1:])
