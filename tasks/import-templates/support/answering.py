"""How a runner begins and ends: paths, seeds, and the answer that harness.py reads."""

import json
import os
import sys
import traceback
from pathlib import Path

import values


def prepare(own, seed, *folders):
    """Let evaluators import from these folders, and the stand-ins last, so that a real package is taken first."""
    sys.path.insert(0, os.environ["EVOLVER_RUNTIME"])
    from evolver_trial import seed_random

    left_out = {str(own), os.environ["EVOLVER_RUNTIME"], str(own / "support")}
    rest = [path for path in sys.path if path not in left_out]
    sys.path[:] = [*dict.fromkeys(map(str, folders)), *rest, str(own / "stand-ins")]
    seed_random(int(seed))
    del sys.argv[1:]  # an evaluator that reads its own words at import finds none


def options_of(own):
    """What import.json says."""
    return json.loads((own / "import.json").read_text())


def print_without_own_frames(error):
    """The traceback from the evaluator on."""
    own, trace = Path(__file__).resolve().parents[1], error.__traceback__
    while trace is not None and trace.tb_next is not None and is_own(trace.tb_frame.f_code.co_filename, own):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def is_own(filename, own):
    """Whether a frame is of these files or of Python's import machinery."""
    return filename.startswith("<frozen importlib") or Path(filename).resolve().is_relative_to(own)


def give(answer, work, reading, imports=None):
    """Write what `work` returns as {"metrics": ...} and more, or why it raised, with what was said until then."""
    try:
        said = work()
        if imports is not None and (why := imports.complaint()):
            said = {"error": why}
    except (Exception, SystemExit) as error:
        if not isinstance(error, values.NoScore):
            print_without_own_frames(error)
        plain = isinstance(error, ValueError)
        said = {"error": str(error) if plain else f"{type(error).__name__}: {error}"}
    Path(answer).write_text(json.dumps({**said, "feedback": reading.said}, default=str))
