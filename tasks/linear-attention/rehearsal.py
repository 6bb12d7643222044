"""Makes a stage tiny in this folder, to try its path where nothing large can run: `python rehearsal.py STAGE`."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TINY = {"width": 32, "heads": 2, "layers": 1, "batch": 4, "steps": 4}
ROWS = 9


def main() -> None:
    stage = sys.argv[1]
    path = HERE / "public" / "settings.json"
    settings = json.loads(path.read_text())
    for plan in settings[stage].values():
        plan.update(TINY, asked=[[name, ROWS] for name, _ in plan["asked"]])
        if "length" in plan:
            plan["length"] = 64
    path.write_text(json.dumps(settings))
    path = HERE / "private" / "asked.json"
    asked = json.loads(path.read_text())
    asked[stage]["rows"] = dict.fromkeys(asked[stage]["rows"], ROWS)
    path.write_text(json.dumps(asked))


if __name__ == "__main__":
    main()
