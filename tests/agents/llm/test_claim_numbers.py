"""Numbers in what a critic says: a labelled set of forty sentences about one experiment."""

from __future__ import annotations

import pytest

from evolver.agents.llm.claim_numbers import NOT_CHECKED, mark_unchecked
from evolver.contracts import Message

SHOWN = """\
# Experiment 17
# What it changed in experiment 12
-    steps = 400
+    steps = 1200
+    rate = 0.003
# What was measured
Verdict: not better than the champion; 0.0127 worse than experiment 14, the champion then (gain -0.0127 [-0.0201, -0.0053], 3 seeds)
Against its parent: accuracy better by 0.0183 (gain 0.0183 [0.0061, 0.0305], 3 seeds)
full, seed 0: accuracy 0.8412, loss 0.5123, recall 0.7750 | experiment 14: accuracy 0.8561, loss 0.4811, recall 0.7925
full, seed 1: accuracy 0.8377, loss 0.5204, recall 0.7690 | experiment 14: accuracy 0.8489, loss 0.4902, recall 0.7865
full, seed 2: accuracy 0.8455, loss 0.5037, recall 0.7811 | experiment 14: accuracy 0.8575, loss 0.4779, recall 0.8002
took 41.7 s of 60 s
"""


CORRECT = (
    "Accuracy rose by 0.0183 over the parent.",
    "Accuracy rose by about 0.018 over the parent.",
    "It gained 1.8 % accuracy over its parent.",
    "It stays 0.0127 below the champion.",
    "It is 0.013 below the champion.",
    "Mean accuracy is 0.8415 over the seeds.",
    "The champion reaches a mean of 0.854.",
    "Loss is 0.512 on average.",
    "Loss is about 6 % higher than the champion's.",
    "On seed 0 it loses 0.0149 accuracy.",
    "The loss on seed 0 is 0.0312 higher.",
    "Recall falls by 0.0175 on seed 0.",
    "Accuracy on seed 2 is 84.55 %.",
    "All 3 seeds agree.",
    "Tripling the steps from 400 to 1200 helps.",
    "A rate of 0.003 is small enough.",
    "It used 41.7 s of the 60 s.",
    "The interval against the champion ends at -0.0053.",
    "Accuracy spreads by 0.0078 over the seeds.",
    "Loss is 1.06 times the champion's.",
)
INVENTED = (
    "Accuracy rose by 0.0342 over the parent.",
    "It gained 7.3 % accuracy over its parent.",
    "It stays 0.0271 below the champion.",
    "Mean accuracy is 0.8733 over the seeds.",
    "The champion reaches a mean of 0.913.",
    "Loss is 0.447 on average.",
    "Loss is about 23 % higher than the champion's.",
    "On seed 0 it loses 0.0533 accuracy.",
    "Recall falls by 0.0911 on seed 0.",
    "Accuracy on seed 2 is 88.14 %.",
    "All 37 seeds agree.",
    "Doubling the steps from 350 to 700 helps.",
    "A rate of 0.0057 is small enough.",
    "It used 55.2 s of the time.",
    "The interval against the champion ends at -0.0312.",
    "Accuracy spreads by 0.0431 over the seeds.",
    "Loss is 1.83 times the champion's.",
    "It would reach 0.921 with more data.",
    "This explains 64 % of the difference.",
    "The effect vanishes beyond 2,500 steps.",
)


def _marked(sentence: str) -> bool:
    messages = (Message(role="system", text="You are the critic."), Message(role="user", text=SHOWN))
    said = mark_unchecked(sentence, messages)
    assert said.startswith(sentence), "what is said is kept"
    return said.endswith(NOT_CHECKED)


@pytest.mark.parametrize("sentence", CORRECT)
def test_no_correct_sentence_is_refused(sentence: str) -> None:
    assert not _marked(sentence)


def test_invented_numbers_are_marked() -> None:
    passed = [sentence for sentence in INVENTED if not _marked(sentence)]
    assert len(passed) <= 2, passed


def test_only_the_sentence_with_the_number_is_marked() -> None:
    messages = (Message(role="user", text=SHOWN),)
    said = mark_unchecked("Longer training helps. It gains 12.5 points! Seeds agree.", messages)
    assert said == f"Longer training helps. It gains 12.5 points! {NOT_CHECKED} Seeds agree."
