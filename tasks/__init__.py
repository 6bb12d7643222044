"""Tasks: what to improve, from which baseline, measured how. `load_task` is the way in."""

from evolver.tasks.loading import RUNTIME, installed_tasks, load_task
from evolver.tasks.new_task import new_task
from evolver.tasks.task import INPUTS, Task

__all__ = ["INPUTS", "RUNTIME", "Task", "installed_tasks", "load_task", "new_task"]
