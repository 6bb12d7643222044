"""Widest gap between neighbouring marks; the narrower, the higher the score."""

import argparse

from shinka.core import run_shinka_eval

COUNT = 12


def arguments(run):
    return {"count": COUNT, "seed": 7 + run}


def check(marks):
    if len(marks) != COUNT or any(not 0.0 <= mark <= 1.0 for mark in marks):
        return False, f"not {COUNT} marks between 0 and 1"
    return True, None


def combine(results):
    widest = [max(b - a for a, b in zip([0.0, *marks], [*marks, 1.0])) for marks in results]
    mean = sum(widest) / len(widest)
    return {"combined_score": 1.0 - mean, "public": {"widest_gap": mean}, "private": {"secret": 42.0}}


def main(program_path, results_dir):
    metrics, correct, error = run_shinka_eval(
        program_path=program_path, results_dir=results_dir, experiment_fn_name="run_experiment", num_runs=3,
        get_experiment_kwargs=arguments, validate_fn=check, aggregate_metrics_fn=combine,
    )
    print(metrics, correct, error)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program_path", default="initial.py")
    parser.add_argument("--results_dir", default="results")
    words = parser.parse_args()
    main(words.program_path, words.results_dir)
