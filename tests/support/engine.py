"""The container engine and the images that tests use, made on the first call."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / ".ci" / "engine"


@cache
def ensure_engine() -> None:
    """Install, start and fill an engine as far as that is needed; raises RuntimeError with what the script said."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [SCRIPT, "images"], env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=900, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"no container engine to test with (.ci/engine images):\n{done.stdout}{done.stderr}")
