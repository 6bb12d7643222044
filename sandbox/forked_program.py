"""Runs a command in a process that was forked from a warm Python, as if the interpreter had been started for it.

Standard library only; whatever is not `python SCRIPT` or `python -c CODE` is executed as any other command.
"""

# ruff: noqa: PTH110, PTH112, PTH119, PTH120, PTH122, PTH123, PTH208

import atexit
import builtins
import ctypes
import gc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import threading
import types
from collections.abc import Mapping, Sequence

_LIBRARY = ctypes.PyDLL(None)
_SET_DUMPABLE = 4
_PRIVATE_MODULES = ("fork_server", "forked_program", "cage", "launcher")

_AT_START = frozenset(
    {*sys.builtin_module_names, "site", "os", "stat", "io", "abc", "codecs", "posixpath", "encodings"}
)
"""What every interpreter has imported before it runs anything."""

Code = Mapping[str, types.CodeType]
"""Compiled scripts and modules, by the path at which they lie inside."""


class CompiledFinder:
    """Finds the modules that were compiled ahead, each as long as its file is there."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._paths = {os.path.basename(path).removesuffix(".py"): path for path in code}

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """The module's spec if it is one of ours and no package's."""
        place = self._paths.get(name)
        if place is None or path is not None or os.path.dirname(place) not in sys.path or not os.path.exists(place):
            return None
        return importlib.util.spec_from_file_location(name, place, loader=_CompiledLoader(name, place, self._code))


class _CompiledLoader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, code: Code) -> None:
        super().__init__(name, path)
        self._code = code[path]

    def get_code(self, fullname: str) -> types.CodeType:
        return self._code


def forget_shadowed(folders: Sequence[str]) -> None:
    """Forget modules that were imported ahead where one of the folders has something of the same name.

    The program may mean its own; `import` decides, as it would have done.
    """
    names = {os.path.splitext(entry)[0] for folder in folders if os.path.isdir(folder) for entry in os.listdir(folder)}
    for name in list(sys.modules):
        if name.partition(".")[0] in names and name not in _AT_START:
            del sys.modules[name]


def fresh_state() -> None:
    """Draw anew what modules drew when they were imported, which all forks of one server would share.

    `random` does it by itself at every fork.
    """
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    if "multiprocessing.process" in sys.modules:
        sys.modules["multiprocessing.process"].current_process().authkey = os.urandom(32)


def run(command: Sequence[str], code: Code) -> None:
    """Become the command; never returns."""
    is_python = command[0] == sys.executable and len(command) > 1
    if not is_python or (command[1].startswith("-") and (command[1] != "-c" or len(command) < 3)):
        try:
            os.execvp(command[0], list(command))  # noqa: S606
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(127)
    os.closerange(3, 1 << 20)
    # What executing another program would do: a process of its own user may look at itself.
    _LIBRARY.prctl(_SET_DUMPABLE, 1, 0, 0, 0)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in _PRIVATE_MODULES:
        sys.modules.pop(name, None)
    before = set(sys.modules) - {"__main__"}
    fresh_state()
    _finish(_status(command, code), before)


def _status(command: Sequence[str], code: Code) -> int:
    """Run the script or the words of -c as the main module; the exit status."""
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main
    try:
        if command[1] == "-c":
            sys.argv, sys.path[:0] = ["-c", *command[3:]], [""]
            compiled = compile(command[2], "<string>", "exec", dont_inherit=True)
        else:
            sys.argv, sys.path[:0] = list(command[1:]), [os.path.dirname(command[1])]
            main.__dict__.update(__file__=command[1], __cached__=None)
            sys.meta_path.insert(0, CompiledFinder(code))
            compiled = code.get(command[1]) or _compiled(command[1])
        exec(compiled, main.__dict__)  # noqa: S102
    except SystemExit as error:
        return _exit_status(error.code)
    except BaseException as error:
        own = error.__traceback__  # this function's frame, of which a program knows nothing
        error.__traceback__ = None if own is None else own.tb_next
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _compiled(path: str) -> types.CodeType:
    with open(path, "rb") as file:
        return compile(file.read(), path, "exec", dont_inherit=True)


def _exit_status(code: object) -> int:
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1


def _finish(status: int, before: set[str]) -> None:
    """End as an interpreter ends: threads, exit functions, the program's own objects, what is still to be written.

    What was imported `before` the job is left as it is; taking that down would only cost time.
    """
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for name in [name for name in sys.modules if name not in before]:
            del sys.modules[name]
        gc.collect()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        status = status or 120
    _LIBRARY.exit(status)
