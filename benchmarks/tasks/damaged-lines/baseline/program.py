"""Repairs nothing yet."""

KINDS = []


def repair(lines):
    for kind in KINDS:
        lines = [MENDED[kind](line) for line in lines]
    return lines


MENDED = {
    "reversed": lambda line: line[::-1] if line.endswith("#") else line,
    "spaced": lambda line: line.replace("_", ""),
    "upper": lambda line: line.lower() if line.isupper() else line,
    "doubled": lambda line: line[: len(line) // 2] if line[: len(line) // 2] == line[len(line) // 2 :] else line,
    "quoted": lambda line: line.strip('"'),
    "tabbed": lambda line: line.replace("\t", " "),
    "entity": lambda line: line.replace("&amp;", "&"),
    "mojibake": lambda line: line.replace("\u00e2\u20ac\u2122", "'"),
    "hyphen": lambda line: line.replace("- ", ""),
    "escape": lambda line: line.replace("\\n", " "),
    "zero": lambda line: line.replace("0", "o"),
    "marked": lambda line: line.removeprefix("> "),
}
