"""Makes a stage tiny in this folder, to try its path where nothing large can run: `python rehearsal.py STAGE`."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TINY = {
    "shape": {"width": 16, "layers": 2, "heads": 2},
    "pretraining": 4,
    "pretraining_batch": 16,
    "rates": [1e-3, 3e-3],
    "steps": 3,
    "groups": 4,
    "kept": 4,
    "samples": 4,
    "checkpoints": 3,
    "judged": 50,
}


def main() -> None:
    path = HERE / "public" / "settings.json"
    settings = json.loads(path.read_text())
    settings[sys.argv[1]] |= TINY | {"shipped": False}
    path.write_text(json.dumps(settings))


if __name__ == "__main__":
    main()
