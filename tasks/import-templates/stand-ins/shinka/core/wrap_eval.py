"""Runs a program's experiment several times and writes metrics.json and correct.json, as ShinkaEvolve documents it."""

from __future__ import annotations

import importlib.util
import inspect
import json
import time
import traceback
from pathlib import Path
from statistics import fmean, pstdev


def load_program(program_path):
    """The program as a module; raises what it raises."""
    spec = importlib.util.spec_from_file_location("program", program_path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{program_path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save_json_results(results_dir, metrics, correct, error=None, **_):
    """Write both files; numbers of numpy become plain ones."""
    folder = Path(results_dir)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("correct", {"correct": bool(correct), "error": error}), ("metrics", metrics)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2, default=_plain))


def run_shinka_eval(
    program_path, results_dir, experiment_fn_name, num_runs, get_experiment_kwargs=None, aggregate_metrics_fn=None,
    validate_fn=None, default_metrics_on_error=None, **_,
):
    """Call the experiment `num_runs` times, check each result, aggregate them all; (metrics, correct, first error).

    Without `get_experiment_kwargs` the experiment gets seed=1, 2, ... Options that only concern ShinkaEvolve's own
    launching and printing are accepted and change nothing.
    """
    metrics, problems, results, times = {}, [], [], []
    valid = 0
    try:
        experiment = getattr(load_program(program_path), experiment_fn_name)
        for number in range(num_runs):
            arguments = get_experiment_kwargs(number) if get_experiment_kwargs else {"seed": number + 1}
            if "file_path" in inspect.signature(experiment).parameters:
                arguments = {"file_path": program_path, **arguments}
            began = time.perf_counter()
            results.append(experiment(**arguments))
            times.append(time.perf_counter() - began)
            good, problem = validate_fn(results[-1]) if validate_fn else (True, None)
            valid += bool(good)
            if not good:
                problems.append(f"Validation failed: {problem}")
        metrics = aggregate_metrics_fn(results) if aggregate_metrics_fn else {"num_successful_runs": len(results)}
    except Exception as error:
        traceback.print_exc()
        problems.append(f"{type(error).__name__}: {error}")
        metrics = dict(default_metrics_on_error or {"combined_score": 0.0})
    metrics.pop("extra_data", None)
    metrics |= {"execution_time_mean": fmean(times or [0.0]), "execution_time_std": pstdev(times or [0.0])}
    if validate_fn:
        metrics |= {"num_valid_runs": valid, "num_invalid_runs": len(results) - valid,
                    "all_validation_errors": list(dict.fromkeys(problems))}
    first = problems[0] if problems else None
    save_json_results(results_dir, metrics, not problems, first)
    return metrics, not problems, first


def _plain(value):
    for method in ("item", "tolist"):
        if hasattr(value, method):
            return getattr(value, method)()
    return str(value)
