"""What a program leaves in /out: everything but plain files is refused, and nothing of it is followed."""

from __future__ import annotations

from typing import Any

import pytest

from evolver.sandbox import Ending

EXITED = Ending.EXITED
REFUSED = Ending.OUTPUT_REFUSED


def case(name: str, code: str, **expected: Any) -> Any:
    """A hostile program and what must become of it; see the fixture `fight`."""
    return pytest.param(code, expected, id=name)


PROGRAMS = [
    case("symbolic link", "import os; os.symlink('/etc/passwd', '/out/a')", endings=(REFUSED,), says="symbolic link"),
    case("linked folder", "import os; os.symlink('/usr', '/out/a')", endings=(REFUSED,), says="symbolic link"),
    case(
        "dangling link",
        "import os; os.symlink(os.environ['HIDDEN_FILE'], '/out/a')",
        endings=(REFUSED,),
        says="symbolic link",
    ),
    case(
        "hard link",
        "import os; open('/out/a', 'w').write('x'); os.link('/out/a', '/out/b')",
        endings=(REFUSED,),
        says="hard link",
    ),
    case("hard link to elsewhere", "attempt('DID', lambda: os.link('/etc/passwd', '/out/b'))", tools=True, files=()),
    case("pipe", "import os; os.mkfifo('/out/a')", endings=(REFUSED,), says="pipe"),
    case("socket", "import socket; socket.socket(socket.AF_UNIX).bind('/out/a')", endings=(REFUSED,), says="socket"),
    case(
        "device",
        """
import stat
attempt('DID', lambda: os.mknod('/out/a', stat.S_IFBLK | 0o666, os.makedev(254, 0)))
attempt('DID', lambda: os.mknod('/out/b', stat.S_IFCHR | 0o666, os.makedev(1, 1)))
""",
        tools=True,
        files=(),
    ),
    case("sparse file", "open('/out/a', 'wb').truncate(3 << 20)", endings=(REFUSED,), says="holes"),
    case("file of a terabyte", "open('/out/a', 'wb').truncate(1 << 40)", exit_code=1, says="too large|File too"),
    case(
        "too many bytes",
        """
try:
    with open('/out/a', 'wb', 0) as f:
        while True: f.write(bytes(1 << 16))
except OSError as e: print('full', e.errno)
""",
        endings=(EXITED, REFUSED),
        says="full",
    ),
    case("too many files", "for i in range(17): open(f'/out/{i}', 'w')", endings=(REFUSED,), says="more than 16 files"),
    case(
        "endless empty files",
        "for i in range(10**9): open(f'/tmp/{i}', 'w').close()",
        endings=(REFUSED, Ending.EXITED),
        says="more than|No space left",
    ),
    case(
        "endless folders",
        """
import os
for i in range(10**9): os.mkdir(f'/dev/shm/{i}')
""",
        endings=(REFUSED, Ending.OUT_OF_MEMORY),
        says="more than",
    ),
    case("name with a line break", r"open('/out/a\nb', 'w')", endings=(REFUSED,), says="unusable name"),
    case("name that is no text", r"open(b'/out/\xff\xfe', 'w')", endings=(REFUSED,), says="unusable name"),
    case("name that writes backwards", r"open('/out/gnp\u202e.sj', 'w')", endings=(REFUSED,), says="unusable name"),
    case(
        "name that is too long",
        """
import os
os.chdir('/out')
for i in range(9): os.mkdir('d' * 80); os.chdir('d' * 80)
open('x', 'w')
""",
        endings=(REFUSED,),
        says="unusable name",
    ),
    case(
        "deep folders",
        """
import os
os.makedirs('/out/' + 'd/' * 40)
""",
        endings=(REFUSED,),
        says="deep",
    ),
    case(
        "unreadable file", "import os; open('/out/a', 'w').write('x'); os.chmod('/out/a', 0)", endings=(EXITED, REFUSED)
    ),
    case("setuid file", "import os; open('/out/a', 'w').write('x'); os.chmod('/out/a', 0o6777)", files=("a",)),
    case("leaves without a word", "import os; open('/out/a', 'w').write('x'); os._exit(3)", exit_code=3, files=("a",)),
]


@pytest.mark.parametrize(("code", "expected"), PROGRAMS)
def test_hostile_program(code: str, expected: dict[str, Any], fight: Any) -> None:
    fight(code, **expected)


def test_an_honest_program_passes(fight: Any) -> None:
    found = fight("print('hello'); open('/out/a', 'w').write('result')", exit_code=0)
    assert (found["log"], found["files"]) == ("hello\n", {"a": 6})
