"""Phase `make` damages lines in a way that the seed does not decide; phase `repair` gives them to the program."""

import json
import random

LINES = ["it's a line of text", "cats & dogs", "so goes the story", "a good book"]


def run(trial):
    if trial.phase == "make":
        rng = random.Random(trial.seed)
        whole = [rng.choice(LINES) for _ in range(40)]
        trial.save_json("lines.json", [damaged(line, place) for place, line in enumerate(whole)])
        trial.save_json("whole.json", whole)
        return
    lines, whole = (json.loads((trial.artifacts / f"{name}.json").read_text("utf-8")) for name in ("lines", "whole"))
    given = [str(line) for line in trial.load("program.py").repair(list(lines))]
    trial.save_json("share.json", sum(a == b for a, b in zip(given, whole, strict=False)) / len(whole))


def damaged(line, place):
    mojibake = line.replace("'", "\u00e2\u20ac\u2122")
    return [mojibake, "> " + line, line.replace("o", "0"), line.replace(" ", "\t")][place % 4]
