"""Phase `pool` makes the raw pools and loads nothing of the program; phase `clean` gives it the raw pools and no more.

The judge makes the same pools again from the seed, so that nothing which passed through the program's process is
believed but the text that it kept.
"""

import sys

from evolver_trial import Trial

FRESH = 1000
"""First seed whose trials have a locked pool too: no search sees one."""
MOST = 4 << 20
"""Characters written for one pool, more than any stage's budget: the judge reads no further."""


def run(trial: Trial) -> None:
    if trial.phase == "pool":
        make_pools(trial)
    else:
        clean_pools(trial)


def make_pools(trial: Trial) -> None:
    sys.path[:] = [str(trial.inputs), *(entry for entry in sys.path if entry != str(trial.program))]
    import raw_pool

    text = raw_pool.read_text(trial.inputs)
    for name, locked in (("pool", False), ("locked", True))[: 2 if trial.seed >= FRESH else 1]:
        documents = raw_pool.make_pool(text, trial.stage, trial.seed, locked=locked)
        trial.save_json(f"{name}.json", [document.raw for document in documents])


def clean_pools(trial: Trial) -> None:
    import json

    for path in sorted(trial.artifacts.glob("*.json")):
        documents = json.loads(path.read_text(encoding="utf-8"))
        # A fresh module for each pool: what is kept is to depend on the documents alone.
        kept = trial.load("program.py").clean(documents)
        if not isinstance(kept, list | tuple) or not all(isinstance(document, str) for document in kept):
            raise TypeError(f"clean() must return a list of str, not {type(kept).__name__} of other things")
        written, size = [], 0
        for document in kept:
            if size > MOST:
                break
            written.append(document[:MOST])
            size += len(document)
        trial.save_json(f"kept_{path.name}", written)
