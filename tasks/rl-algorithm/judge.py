"""Has every checkpoint answer hidden problems and counts the right answers.

Only weights of the one known architecture cross over from the trial; problems, random numbers and rewards are the
judge's own.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolver_trial import Invalid, folder, safe_safetensors

if TYPE_CHECKING:
    from torch import Tensor

HEADER = 1 << 16
"""Bytes that a checkpoint may have beside its numbers."""
LARGEST_WEIGHT = 1e4
AT_ONCE = 1000
"""Problems answered together."""


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, float]:
    sys.path.insert(1, str(folder("public")))
    import policy as policies
    import torch

    setting = policies.setting_of(stage)
    policy = policies.Policy(setting.shape)
    names = [f"checkpoint-{number}.safetensors" for number in range(setting.checkpoints)]
    checkpoints = [weights(out / name, policy) for name in names]
    if extra := {path.name for path in out.iterdir()} - set(names):
        raise Invalid(f"the trial left {min(extra)} beside its {len(names)} checkpoints")
    salt = (private / "salt.txt").read_text()

    def accuracy(kinds: Any, count: int, purpose: str) -> float:
        digest = hashlib.sha256(f"{salt} {stage} {seed} {purpose}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:6], "big"))
        problems = policies.draw(kinds, count, generator, hidden=True)
        right = sum(float(rewards(policy, part, generator).sum()) for part in problems.split(AT_ONCE))
        return right / count

    def rewards(policy: Any, problems: Tensor, generator: Any) -> Tensor:
        responses = policy.sample(policies.prompts(problems), 1, generator)[:, 0]
        return policies.rewards(responses, policies.answers(problems))

    curve = []
    for number, values in enumerate(checkpoints):
        policy.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()})
        curve.append(accuracy(policies.TRAINING, setting.judged, f"checkpoint {number}"))
    exam = {name: accuracy(kinds, setting.judged, name) for name, kinds in policies.DIFFICULTIES.items()}
    area, final = sum(curve) / len(curve), sum(exam.values()) / len(exam)
    return {"score": (area + final) / 2.0, "area": area, "final": final, **exam}


def weights(path: Path, policy: Any) -> dict[str, Any]:
    """A checkpoint's numbers; raises Invalid unless it holds exactly the policy's, in single precision."""
    shapes = {name: tuple(value.shape) for name, value in policy.state_dict().items()}
    size = sum(4 * value.numel() for value in policy.state_dict().values())
    values = safe_safetensors(path, shapes=shapes, limit=size + HEADER)
    for name, array in values.items():
        if array.dtype != "float32":
            raise Invalid(f"{path.name}: {name} holds {array.dtype}, not float32")
        if abs(array).max() > LARGEST_WEIGHT:
            raise Invalid(f"{path.name}: {name} holds a weight beyond {LARGEST_WEIGHT:g}")
    return {name: array.copy() for name, array in values.items()}
