"""Process 1 of a sandbox: sets the limits, starts the program, clears up after it and hands over what it left.

Run as `python -I -S launcher.py OPTION=VALUE... -- COMMAND...`; standard library only, and few imports, because every
job pays for them: _ctypes and _signal load in half a millisecond, the modules that dress them up in nine. The host
believes nothing that it says (see outputs.py). What it writes to the descriptor `stream`, numbers big-endian:

    E <u16 length> <text>               the program could not be started in safety; nothing follows
    S                                   the program runs
    D <i32 exit status> <u64 bytes>     it ended, and the largest resident size of any of its processes
    F <u16 length> <u64 size> <name> <bytes>    a file, zero or more times
    R <u16 length> <text>               the output is refused
    .                                   that was all
"""

# pathlib would take milliseconds to import.
# ruff: noqa: PTH118, PTH123

import _ctypes
import _signal  # type: ignore[import-not-found]
import os
import resource
import stat
import struct
import sys

SET_DUMPABLE, DROP_BOUNDING, SET_SUBREAPER = 4, 24, 36
CAPABILITY_VERSION = 0x20080522
DEEPEST, LONGEST_NAME, MOST_ENTRIES = 16, 512, 32768
"""Folders below each other, bytes of a path, and entries of a file system that lives in memory."""
TICK = 0.1

_LIBRARY = _ctypes.dlopen(None, os.RTLD_NOW)  # type: ignore[arg-type]


class LaunchRefused(Exception):
    """What the program left cannot be handed over; the text says why."""


def c_call(name: str, *arguments: int | bytes) -> int:
    """Call a function of the C library."""
    return int(_ctypes.call_cdeclfunction(_ctypes.dlsym(_LIBRARY, name), arguments))


class Options:
    """The words before `--`, by name; numbers and lists of numbers as such."""

    def __init__(self, words: list[str]) -> None:
        given = dict(word.split("=", 1) for word in words)
        self.stream = int(given["stream"])
        self.out = given["out"]
        self.output, self.output_files = int(given["output"]), int(given["output_files"])
        self.limits = {name[6:]: int(value) for name, value in given.items() if name.startswith("limit_")}
        self.group = int(given["group"]) if "group" in given else None
        self.user = int(given["user"]) if "user" in given else None
        self.cpus = [int(cpu) for cpu in given.get("cpus", "").split(",") if cpu]
        self.watched = [path for path in given.get("watched", "").split(",") if path]
        self.folder = given["folder"]
        self.contained = given["contained"] == "1"

    def last_step(self) -> None:
        """Called in the child once it is confined; a resident of a container puts its own here."""

    def execute(self, command: list[str]) -> None:
        """Become the command; a warm interpreter puts its own here. Raises OSError."""
        os.execvp(command[0], command)  # noqa: S606


def text_frame(kind: bytes, text: str) -> bytes:
    """A frame that holds words."""
    data = text.encode("utf-8", "replace")[:1000]
    return kind + struct.pack(">H", len(data)) + data


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`, however little the pipe takes at a time."""
    while data:
        data = data[os.write(descriptor, data) :]


def prepare_child(options: Options) -> None:
    """In the child: join the control group, take CPUs, set limits, become a plain user. Raises OSError, ValueError."""
    os.setsid()
    os.chdir(options.folder)
    if options.group is not None:
        os.write(options.group, b"0")
    if options.cpus:
        try:
            os.sched_setaffinity(0, options.cpus)
        except OSError as error:
            os.write(2, f"evolver: the program cannot be kept to CPUs {options.cpus}: {error.strerror}\n".encode())
    for name, value in options.limits.items():
        kind = getattr(resource, "RLIMIT_" + name.upper())
        highest = resource.getrlimit(kind)[1]
        allowed = value if highest == resource.RLIM_INFINITY else min(value, highest)
        resource.setrlimit(kind, (allowed, allowed))
    if options.user is not None:
        capability = 0
        while c_call("prctl", DROP_BOUNDING, capability, 0, 0, 0) == 0:
            capability += 1
        os.setgroups([])
        os.setresgid(options.user, options.user, options.user)
        os.setresuid(options.user, options.user, options.user)
        # Inheritable capabilities outlast a change of user; without the others they are useless, but gone is gone.
        c_call("capset", struct.pack("=Ii", CAPABILITY_VERSION, 0), bytes(24))
    for ignored in (_signal.SIGPIPE, _signal.SIGXFSZ, _signal.SIGINT):
        _signal.signal(ignored, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def start(options: Options, command: list[str]) -> int:
    """Fork and execute; returns the child's pid. Raises RuntimeError if it could not be confined."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            prepare_child(options)
            options.last_step()
        except BaseException as error:
            os.write(writer, repr(error).encode())
            os._exit(126)
        try:
            options.execute(command)
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(127)
    os.close(writer)
    # The writing end closes by itself when the child executes its command.
    trouble = os.read(reader, 1000)
    os.close(reader)
    if options.group is not None:
        os.close(options.group)
    if trouble:
        raise RuntimeError(trouble.decode("utf-8", "replace"))
    return child


def watch(options: Options, child: int, parent: int) -> int | None:
    """Wait for the child, reaping whatever else ends; its wait status, or None if nobody waits for it any more.

    Raises Refused if it makes too many files.
    """
    while True:
        _signal.sigtimedwait((_signal.SIGCHLD,), TICK)
        status = reap(child)
        if status is not None:
            return status
        for path in options.watched:
            usage = os.statvfs(path)
            if usage.f_files - usage.f_ffree > MOST_ENTRIES:
                raise LaunchRefused(f"the program made more than {MOST_ENTRIES} files in {path}")
        if os.getppid() != parent:
            return None


def reap(child: int) -> int | None:
    """Collect every process that has ended; the wait status of `child` if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == child:
            found = status


def end_others(options: Options) -> None:
    """Kill and reap everything that the program started, however it is attached."""
    while True:
        try:
            if options.contained:
                os.kill(-1, _signal.SIGKILL)
            else:
                for pid in children():
                    os.kill(pid, _signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def children() -> list[int]:
    """Own children; as the reaper of orphans this process is handed grandchildren as their parents are killed."""
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="utf-8") as listing:
        return [int(pid) for pid in listing.read().split()]


def survey(options: Options) -> list[tuple[str, str, int]]:
    """(name, path, size) of every file the program left. Raises Refused at the first thing that is not a plain file."""
    found: list[tuple[str, str, int]] = []
    total, pending = 0, [("", 0)]
    while pending:
        folder, depth = pending.pop()
        try:
            entries = sorted(os.scandir(os.path.join(options.out, folder)), key=lambda entry: entry.name)
        except OSError as error:
            raise LaunchRefused(f"/out/{folder} cannot be read: {error.strerror}") from None
        if len(entries) > MOST_ENTRIES:
            raise LaunchRefused(f"more than {MOST_ENTRIES} entries in one folder")
        for entry in entries:
            name = folder + "/" + entry.name if folder else entry.name
            if not entry.name.isprintable() or len(os.fsencode(name)) > LONGEST_NAME:
                raise LaunchRefused(f"a file has an unusable name: {ascii(name)[:200]}")
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                if depth + 1 >= DEEPEST:
                    raise LaunchRefused(f"folders are more than {DEEPEST} deep")
                pending.append((name, depth + 1))
                continue
            check_file(name, status)
            total += status.st_size
            found.append((name, entry.path, status.st_size))
            if len(found) > options.output_files:
                raise LaunchRefused(f"more than {options.output_files} files")
            if total > options.output:
                raise LaunchRefused(f"more than {options.output} bytes")
    return found


def check_file(name: str, status: os.stat_result) -> None:
    """Raise Refused unless the entry is a plain file with one name and all its bytes."""
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    if not stat.S_ISREG(status.st_mode):
        raise LaunchRefused(f"{name} is {kinds.get(stat.S_IFMT(status.st_mode), 'a device')}")
    if status.st_nlink > 1:
        raise LaunchRefused(f"{name} is a hard link")
    if status.st_blocks * 512 < status.st_size:
        raise LaunchRefused(f"{name} has holes: {status.st_size} bytes, {status.st_blocks * 512} of them stored")


def deliver(options: Options) -> None:
    """Send every file, or the reason why none is sent. Raises OSError if the host stops listening."""
    try:
        for name, path, size in survey(options):
            data = os.fsencode(name)
            try:
                source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError as error:
                raise LaunchRefused(f"{name} cannot be read: {error.strerror}") from None
            write_all(options.stream, b"F" + struct.pack(">HQ", len(data), size) + data)
            left = size
            while left:
                sent = os.sendfile(options.stream, source, None, min(left, 1 << 20))
                if not sent:
                    raise OSError("a file shrank while it was read")
                left -= sent
            os.close(source)
    except LaunchRefused as refused:
        write_all(options.stream, text_frame(b"R", str(refused)))
    else:
        write_all(options.stream, b".")


def main(words: list[str]) -> None:
    """Run the program that the words name."""
    at = words.index("--")
    run(Options(words[:at]), words[at + 1 :])


def run(options: Options, command: list[str]) -> None:
    """Run one program from start to delivery."""
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGCHLD,))
    os.set_inheritable(options.stream, False)
    if options.group is not None:
        os.set_inheritable(options.group, False)
    parent = os.getppid()
    if options.contained:
        # Otherwise a program of the same user could open this process's memory and descriptors in /proc.
        c_call("prctl", SET_DUMPABLE, 0, 0, 0, 0)
    else:
        c_call("prctl", SET_SUBREAPER, 1, 0, 0, 0)
    try:
        child = start(options, command)
    except RuntimeError as error:
        write_all(options.stream, text_frame(b"E", str(error)))
        return
    write_all(options.stream, b"S")
    status: int | None
    refused = ""
    try:
        status = watch(options, child, parent)
    except LaunchRefused as error:
        status, refused = _signal.SIGKILL, str(error)
    end_others(options)
    if status is None:
        return
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    write_all(options.stream, b"D" + struct.pack(">iQ", os.waitstatus_to_exitcode(status), largest))
    if refused:
        write_all(options.stream, text_frame(b"R", refused))
    else:
        deliver(options)


if __name__ == "__main__":
    main(sys.argv[1:])
    # Taking the interpreter down would only cost time.
    os._exit(0)
