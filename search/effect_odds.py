"""How likely a change is to have an effect, learnt from what became of changes like it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from evolver.contracts import Program
from evolver.errors import CannotApply
from evolver.search.fingerprint import shape
from evolver.search.program_slice import slice_of
from evolver.search.source import Source, is_python, parse
from evolver.text_files import lines_of


class EffectOdds:
    """Counts of changes with and without effect, by feature.

    Args:
        with_effect: Changes with effect that each feature is taken to have shown before any is known.
        without: The same without effect.
    """

    def __init__(self, with_effect: float = 1.5, without: float = 0.5) -> None:
        self._prior = with_effect, without
        self._seen: Counter[tuple[str, bool]] = Counter()

    def learn(self, features: Iterable[str], effect: bool) -> None:
        """Take in what became of a change."""
        self._seen.update((feature, effect) for feature in features)

    def chance(self, features: Iterable[str]) -> float:
        """Mean of the beta posterior that a change has an effect, by the feature that speaks most against it."""
        return min((self._mean(feature) for feature in features), default=self._mean(""))

    def _mean(self, feature: str) -> float:
        yes, no = (
            prior + self._seen[feature, effect] for prior, effect in zip(self._prior, (True, False), strict=True)
        )
        return yes / (yes + no)


def features_of(parent: Program, child: Program, entry: Sequence[str], operator: str, technique: str = "") -> list[str]:
    """What changes are alike by: what was put where, and which operator did it with which technique.

    The operator, alone and with the technique; the lines that came and went, wherever they stand; and for each function
    that runs and was changed, whether lines came, went or both, with and without the operator.
    """
    try:
        places = list(_places(parent, child, entry))
    except CannotApply:
        return []
    lines = {line for _, change in places for line in change}
    same = [f"lines:{'|'.join(sorted(lines))}"] if lines else []
    same += [operator, f"{operator}:{technique}"]
    return [*same, *(f"place:{place}" for place, _ in places), *(f"{operator}:{place}" for place, _ in places)]


def _places(parent: Program, child: Program, entry: Sequence[str]) -> Iterator[tuple[str, set[str]]]:
    """Functions of both programs that are in the child's slice and differ, with what came and went."""
    kept = slice_of(child, entry, hopeful=True)
    for path, text in child.files.items():
        if not is_python(path) or path not in parent.files:
            continue
        before, after = parse(parent.files[path]), parse(text)
        for name, function in after.functions.items():
            old = before.functions.get(name)
            if old is None or not kept.holds(function.node) or _lines(before, name) == _lines(after, name):
                continue
            came, went = _lines(after, name) - _lines(before, name), _lines(before, name) - _lines(after, name)
            kind = "change" if came and went else "insert" if came else "delete" if went else "move"
            if shape(old.node) == shape(function.node):
                kind = "tune"
            yield f"{kind} in {name}", {*(f"+{line}" for line in came), *(f"-{line}" for line in went)}


def _lines(source: Source, function: str) -> Counter[str]:
    start, end = source.block(source.functions[function].node)
    return Counter(line.strip() for line in lines_of(source.text[start:end]) if line.strip())
