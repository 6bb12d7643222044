"""A real server in a process of its own: started, asked, killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
from langgraph_sdk.client import LangGraphClient, get_client

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN = 300.0
NOWHERE = "http://127.0.0.1:9"
"""A proxy that is not there: whatever wanted to reach the internet would fail."""


class Server:
    """`evolver serve`, or with `dev` plain `langgraph dev`, on a data folder; its own files go to `folder`."""

    def __init__(self, folder: Path, *, dev: bool = False, words: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._words = [str(BIN / "evolver"), "serve", "--port", str(self.port), *words]
        if dev:
            config = str(ROOT / "langgraph.json")
            self._words = [str(BIN / "langgraph"), "dev", "--config", config, "--no-browser", "--no-reload"]
            self._words += ["--port", str(self.port), "--n-jobs-per-worker", "10"]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def start(self) -> None:
        """Start it, without a key and without a way out, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        known = {name: value for name, value in os.environ.items() if "LANG" not in name and "KEY" not in name}
        environment = {
            **known,
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE),
            "NO_PROXY": "127.0.0.1,localhost",
            "LANG": "C.UTF-8",
            "LANGGRAPH_CLI_NO_ANALYTICS": "1",
            "EVOLVER_HOME": str(self.home),
        }
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self._words, cwd=self.folder, env=environment, stdout=out, stderr=out, start_new_session=True
            )
        deadline = time.monotonic() + READY_WITHIN
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it as the kernel would, in the middle of whatever it does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ctrl-C; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=400)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def client(self) -> LangGraphClient:
        return get_client(url=self.url, api_key=None)

    def strangers(self) -> set[str]:
        """Addresses other than loopback that it is connected to."""
        assert self.process is not None
        found = psutil.Process(self.process.pid).net_connections(kind="inet")
        return {c.raddr.ip for c in found if c.raddr and not c.raddr.ip.startswith(("127.", "::1", "::ffff:127."))}

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ok", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
