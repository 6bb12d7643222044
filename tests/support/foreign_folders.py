"""Small folders in the formats of other systems, one for each thing that their evaluators do and each layout."""

from __future__ import annotations

from pathlib import Path

PROGRAM = "# EVOLVE-BLOCK-START\nGAIN = 0.5\n\n\ndef answer(x):\n    return GAIN * x\n# EVOLVE-BLOCK-END\n"
SEED = "# EVOLVE-BLOCK-START\ndef run_experiment(seed=0):\n    return 0.5 * seed\n# EVOLVE-BLOCK-END\n"
LOAD = (
    "import importlib.util\n\n\ndef load(path):\n    spec = importlib.util.spec_from_file_location('p', path)\n"
    "    module = importlib.util.module_from_spec(spec)\n    spec.loader.exec_module(module)\n    return module\n\n\n"
)
CONFIG = "max_iterations: 7\nprompt: {system_message: Make answer(x) close to 2x.}\nevaluator: {timeout: 20}\n"


def evaluator(body: str, before: str = "") -> str:
    """A Python evaluator whose evaluate() loads the program and has this body."""
    return f"{before}{LOAD}def evaluate(program_path):\n    gain = load(program_path).GAIN\n    {body}\n"


OPENEVOLVE = {
    "bool_metric": {"evaluator.py": "def evaluate(program_path):\n    return {'accuracy': 0.4, 'passed': True}\n"},
    "numpy_score": {
        "evaluator.py": evaluator(
            "return {'combined_score': np.float32(gain), 'array': np.array(3.0), 'ok': np.bool_(True)}",
            "import numpy as np\n",
        )
    },
    "fraction_score": {
        "evaluator.py": evaluator(
            "return {'combined_score': Fraction(1, 4) + Fraction(gain), 'price': Decimal('1.5')}",
            "from decimal import Decimal\nfrom fractions import Fraction\n",
        )
    },
    "bad_secondary": {"evaluator.py": evaluator("return {'combined_score': gain, 'ratio': float('inf'), 'calls': 2}")},
    "score_and_artifacts": {"evaluator.py": evaluator("return {'combined_score': gain}, {'note': 'x'}")},
    "many_metrics": {"evaluator.py": evaluator("return {**{f'm{k}': k for k in range(80)}, 'combined_score': gain}")},
    "lazy_import": {"evaluator.py": evaluator("return {'combined_score': -abs(gain - 2.0)}")},
    "script": {
        "initial_program.py": "# EVOLVE-BLOCK-START\nimport sys\ngain = 0.5\nfor line in sys.stdin:\n"
        "    print(gain * float(line))\n# EVOLVE-BLOCK-END\n",
        "evaluator.py": "import subprocess, sys\n\n\ndef evaluate(program_path):\n"
        "    ran = subprocess.run([sys.executable, program_path], input='1\\n2\\n', capture_output=True, text=True)\n"
        "    got = [float(word) for word in ran.stdout.split()]\n"
        "    return {'combined_score': -sum(abs(a - b) for a, b in zip(got, (2.0, 4.0), strict=True))}\n",
    },
    "sibling_of_a_child": {
        "target_helper.py": "TARGET = 2.0\n",
        "evaluator.py": "import os, subprocess, sys\n\n\ndef evaluate(program_path):\n"
        "    code = 'import runpy, sys, target_helper as t; '"
        " 'print(-abs(runpy.run_path(sys.argv[1])[\"GAIN\"] - t.TARGET))'\n"
        "    ran = subprocess.run([sys.executable, '-c', code, program_path], capture_output=True, text=True,\n"
        "                         cwd=os.path.dirname(os.path.abspath(__file__)))\n"
        "    return {'combined_score': float(ran.stdout)}\n",
    },
    "imported_evaluate": {
        "scoring.py": evaluator("return {'combined_score': gain}"),
        "evaluator.py": "from scoring import evaluate\n",
    },
    "assigned_evaluate": {
        "evaluator.py": evaluator("return {'combined_score': gain}").replace("def evaluate", "def _run")
        + "\nevaluate = _run\n"
    },
    "async_evaluate": {
        "evaluator.py": evaluator("return {'combined_score': gain}").replace("def eval", "async def eval")
    },
    "by_module_name": {
        "evaluator.py": "import importlib, os, sys\n\n\ndef evaluate(program_path):\n"
        "    sys.path.append(os.path.dirname(program_path))\n"
        "    name = os.path.splitext(os.path.basename(program_path))[0]\n"
        "    return {'combined_score': importlib.import_module(name).GAIN}\n"
    },
    "compares_with_the_original": {
        "evaluator.py": evaluator(
            "return {'combined_score': gain / load(os.path.join(os.path.dirname(__file__), 'initial_program.py')).GAIN}",
            "import os\n",
        )
    },
}
"""By what the evaluator does; where there is no program, PROGRAM is it."""

OTHERS = {
    "skydiscover": {
        "initial_program.py": PROGRAM,
        "config.yaml": CONFIG,
        "evaluator/evaluator.py": evaluator("return {'combined_score': gain + table.EXTRA}", "import table\n"),
        "evaluator/table.py": "EXTRA = 0.25\n",
        "evaluator/Dockerfile": "FROM python:3.12-slim\n",
        "evaluator/evaluate.sh": 'python /benchmark/evaluator.py "$1"\n',
    },
    "skydiscover_script": {
        "initial_program.py": PROGRAM,
        "evaluator/evaluate.sh": '#!/usr/bin/env bash\nset -e\npython3 /benchmark/run.py "$1" "$2"\n',
        "evaluator/run.py": "import json, runpy, sys\n\ngain = runpy.run_path(sys.argv[1])['GAIN']\n"
        "print('a word', file=sys.stderr)\n"
        "print(json.dumps({'status': 'success', 'combined_score': gain, 'metrics': {'combined_score': gain},"
        " 'artifacts': {'mode': sys.argv[2]}}))\n",
    },
    "shinka": {
        "initial.py": SEED,
        "evaluate.py": "import argparse\nimport numpy as np\nfrom shinka.core import run_shinka_eval\n\n\n"
        "def combine(results):\n"
        "    return {'combined_score': np.float32(np.mean(results)), 'public': {'worst': min(results), 'note': 'TOLD'},\n"
        "            'private': {'hidden': 9.0}, 'text_feedback': 'TEXTFEEDBACK raise the factor'}\n\n\n"
        "def main(program_path, results_dir):\n"
        "    run_shinka_eval(program_path, results_dir, 'run_experiment', 3, aggregate_metrics_fn=combine,\n"
        "                    validate_fn=lambda result: (result < 1e6, 'TOOLARGE'), run_workers=2)\n\n\n"
        "if __name__ == '__main__':\n    parser = argparse.ArgumentParser()\n"
        "    parser.add_argument('--program_path')\n    parser.add_argument('--results_dir')\n"
        "    main(**vars(parser.parse_args()))\n",
    },
    "asi": {
        "input.md": "# Gain\nRaise `answer`.\n",
        "initial_program": PROGRAM,
        "eval.sh": "#!/bin/bash\nset -euo pipefail\n"
        'python3 "$(dirname "$(dirname "$PWD")")/evaluator.py" "$PWD/code" |& tee eval.log\n',
        "evaluator.py": "import json, runpy, sys\ngain = runpy.run_path(sys.argv[1])['answer'](1.0)\ngood = gain < 2.2\n"
        "print('SAIDINTHELOG')\n"
        "json.dump({'success': good, 'eval_score': gain if good else 0.0,\n"
        "           'error': None if good else 'TOPERROR the gain is above 2.2'}, open('results.json', 'w'))\n",
        "init_cognition.py": "from Evolve.utils.structures import CognitionItem\n\nMORE = 'NAMEDTEXT is known'\n"
        "ITEMS = [CognitionItem(content='COGNITIONITEM raise ' 'GAIN', source='notes'), CognitionItem(MORE)]\n\n\n"
        "def init(cognition):\n    cognition.add_batch(ITEMS)\n    cognition.add('ADDEDTEXT as well')\n",
    },
    "codeevolve": {
        "input/evaluate.py": "import json, os, sys\n\n\ndef evaluate(program_path, results_path):\n"
        "    sys.path.insert(0, os.path.dirname(os.path.abspath(program_path)))\n"
        "    program = __import__(os.path.splitext(os.path.basename(program_path))[0])\n"
        "    json.dump({'fit': program.answer(1.0), 'eval_time': 0.1}, open(results_path, 'w'))\n\n\n"
        "if __name__ == '__main__':\n    evaluate(sys.argv[1], sys.argv[2])\n",
        "input/src/init_program.py": f"from constants import SCALE\n\n{PROGRAM}",
        "input/src/constants.py": "SCALE = 1.0\n",
        "configs/config.yaml": "SYS_MSG: Raise the fit.\nEVAL_TIMEOUT: 30\nINIT_FILE_DATA: {filename: init_program.py}\n"
        "EVOLVE_CONFIG: {fitness_key: fit, num_epochs: 9, num_islands: 3}\n",
    },
    "gepa": {
        "seed.txt": "Answer in 5 words.\n",
        "evaluator.py": "def evaluate(candidate: str) -> tuple[float, dict]:\n    count = len(candidate.split())\n"
        "    return 1.0 / count, {'words': count, 'advice': 'SIDEINFO shorter is better', 'scores': {'brevity': 1.0}}\n",
    },
}
"""By layout."""


def write_folder(folder: Path, files: dict[str, str]) -> Path:
    """The folder with these files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def openevolve(folder: Path, kind: str) -> Path:
    """An OpenEvolve folder of a kind."""
    return write_folder(folder / kind, {"initial_program.py": PROGRAM, "config.yaml": CONFIG, **OPENEVOLVE[kind]})


def other(folder: Path, layout: str) -> Path:
    """A folder of another layout."""
    return write_folder(folder / layout, OTHERS[layout])
