"""Has the evaluator of another system's task run on the candidate, in a process of its own, and keeps its answer.

Evaluator and candidate share that process, as they do in the other system: the answer can be forged from inside.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from evolver_trial import Trial, seed_random, writable_copy

LARGEST_ANSWER = 1 << 20
END = 2000
"""Bytes of what is printed that are kept from its beginning, and from its end."""


def run(trial: Trial) -> None:
    options = json.loads((trial.public / "import.json").read_text())
    work = Path(os.environ.get("TMPDIR") or "/tmp")
    example = work / "experiments" / options["folder"]
    if (trial.public / "example").is_dir():
        shutil.copytree(trial.public / "example", example)
    else:
        example.mkdir(parents=True)
    candidate, answer = work / "candidate", work / secrets.token_hex(8) / "answer.json"
    for folder in (candidate, answer.parent):
        folder.mkdir()
    files = [merged(trial.program, example)] if options.get("tree") else place(trial, options, example, candidate)
    original = example / options.get("original", options["program"])
    sys.path.insert(0, str(trial.public / "support"))
    from provenance import complaint, forget_readings, was_read

    tells = original.is_file() and forget_readings(*files, original)
    # Its own module gives the runner the same way to seed.
    runtime = str(Path(sys.modules[seed_random.__module__].__file__).parent)
    words = [trial.public / "runner.py", example, files[0], answer, trial.stage, str(trial.seed)]
    environment = {**os.environ, **options.get("environment", {}), "EVOLVER_RUNTIME": runtime}
    status, printed = followed([sys.executable, *map(str, words)], example / options.get("cwd", "."), environment)
    said = read(answer, status)
    feedback = {**said.get("feedback", {}), **({"printed": printed} if printed.strip() else {})}
    if tells and "metrics" in said and was_read(original) and not any(map(was_read, files)):
        said = {"error": complaint(original)}
    kept = {name: said[name] for name in ("metrics", "error", "gate") if name in said}
    trial.save_json("result.json", {**kept, "feedback": feedback})


def merged(program, example):
    """The whole program, with what was built of it, among the files that it reads; that folder."""
    writable_copy(program, example)
    return example


def place(trial, options, example, folder):
    """Write the candidate under a name of its own, and under the program's, for those who import it by that."""
    source = trial.program / options["program"]
    text = source.read_bytes()
    for name in options.get("siblings", ()):
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(example / options["siblings_in"] / name, copy)
    for other in sorted(path for path in trial.program.rglob("*") if path.is_file() and path != source):
        copy = folder / other.relative_to(trial.program)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(other, copy)
    (folder / options["program"]).parent.mkdir(parents=True, exist_ok=True)
    own = folder / f"program_{hashlib.sha256(text).hexdigest()[:10]}{source.suffix}"
    files = [own, folder / options["program"]]
    for path in files:
        path.write_bytes(text)
    return files


def followed(command, folder, environment):
    """Run a command and pass on what it prints; its exit status, and the two ends of what it printed."""
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    head, tail, dropped = bytearray(), bytearray(), 0

    def follow():
        nonlocal dropped
        while data := os.read(process.stdout.fileno(), 1 << 16):
            os.write(1, data)
            room = END - len(head)
            head.extend(data[:room] if room > 0 else b"")
            tail.extend(data[max(0, room):])
            if len(tail) > END:
                dropped += len(tail) - END
                del tail[:-END]

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    status = process.wait()
    # Something that the evaluator left behind may keep the pipe open.
    reader.join(timeout=1.0)
    gap = f"\n[... {dropped} bytes cut ...]\n".encode() if dropped else b""
    # Points of the curve are shown as such.
    return status, re.sub("\x1e[^\n]*\n?", "", bytes(head + gap + tail).decode("utf-8", "replace"))


def read(answer, status):
    if not answer.is_file() or answer.is_symlink() or answer.stat().st_size > LARGEST_ANSWER:
        return {"error": f"the evaluator ended without an answer (exit status {status})"}
    return json.loads(answer.read_text())
