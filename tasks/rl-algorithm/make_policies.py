"""Makes the policies that the CPU stages start from, in public/policies: `python make_policies.py [NUMBER ...]`.

Makes both unless told which. Prints how well each answers; about two and a half minutes each on one core.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "public"))

import policy as policies  # noqa: E402
import torch  # noqa: E402
from pretraining import pretrain  # noqa: E402
from safetensors.torch import save_file  # noqa: E402


def report(policy: policies.Policy) -> None:
    """Accuracy and share of running sums at each difficulty."""
    generator = torch.Generator().manual_seed(0)
    for name, kinds in policies.DIFFICULTIES.items():
        problems = policies.draw(kinds, 2000, generator, hidden=True)
        responses = policy.sample(policies.prompts(problems), 1, generator)[:, 0]
        right, running = policies.rewards(responses, policies.answers(problems)), policies.lengths(responses) > 3
        print(f"  {name}: {right.mean():.3f} right; {running.float().mean():.2f} with running sums, "
              f"{right[running].mean():.2f} of them right, {right[~running].mean():.2f} of the others")


def main() -> None:
    torch.set_num_threads(1)
    setting = policies.setting_of("proxy")
    folder = ROOT / "public" / "policies"
    folder.mkdir(exist_ok=True)
    for seed in map(int, sys.argv[1:] or range(setting.starts)):
        policy = pretrain(setting, seed)
        print(f"start-{seed}: {sum(value.numel() for value in policy.parameters())} weights", flush=True)
        report(policy)
        save_file(policy.state_dict(), folder / f"start-{seed}.safetensors")


if __name__ == "__main__":
    main()
