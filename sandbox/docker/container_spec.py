"""What a container must be like before its job is known: containers of one shape can take each other's jobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolver.errors import SandboxError
from evolver.sandbox import mounts
from evolver.sandbox.base import Job, Limits, Mount

OVERHEAD = 24 << 20
"""Bytes for process 1, so that the program gets what it was promised."""
INODES = 32768
USER = 65534
GUEST = "/run/evolver"
"""Where a container finds the guest agent and its socket."""
OWN_MOST = 8 << 20
"""Bytes that are copied into a waiting container; a job with more gets one made for it."""
_OWN = ("guest_agent.py", "guest_agent_link.py", "guest_agent_metrics.py")
_MODULES = {name: Path(__file__).with_name(name) for name in _OWN} | {
    name: Path(__file__).parents[1] / name for name in ("launcher.py", "cpu_contention.py")
}


@dataclass(frozen=True)
class ContainerSpec:
    """Everything that is decided when a container is created."""

    image: str
    limits: Limits
    ranks: int
    shown: tuple[Mount, ...]
    """What is there from the start."""
    own: tuple[str, ...]
    """Places for folders that come with the job."""
    devices: int = 0

    def host_config(
        self, folder: Path, hidden: tuple[Path, ...], devices: tuple[str, ...], processors: int
    ) -> dict[str, Any]:
        """Keyword arguments of the library's `create_host_config`, on a machine with so many processors."""
        from docker.types import DeviceRequest, LogConfig

        limits = self.limits
        memory = limits.memory + OVERHEAD
        binds = [
            f"{folder / 'meet'}:{GUEST}/meet:ro",
            *(f"{path}:{GUEST}/{name}:ro" for name, path in _MODULES.items()),
        ]
        binds += [f"{mount.source}:{mount.target}:ro" for mount in self.shown]
        binds += [f"{folder / 'own' / str(number)}:{target}:ro" for number, target in enumerate(self.own)]
        memory_only = f"rw,nosuid,nodev,nr_inodes={INODES}"
        tmpfs = {
            mounts.HOME: f"{memory_only},exec,mode=1777,size={limits.scratch}",
            mounts.OUT: f"{memory_only},noexec,mode=0755,uid={USER},gid={USER},size={limits.output}",
        }
        for mount in self.shown:
            for path in hidden:
                if path != mount.source and path.is_relative_to(mount.source):
                    place = f"{mount.target}/{path.relative_to(mount.source)}"
                    if path.is_dir():
                        tmpfs[place] = "ro,size=4096"
                    elif path.exists():
                        binds.append(f"/dev/null:{place}:ro")
        requests = [DeviceRequest(device_ids=list(devices), capabilities=[["gpu"]])] if devices else None
        return {
            "network_mode": "none",
            "extra_hosts": {"sandbox": "127.0.0.1"},
            "read_only": True,
            "tmpfs": tmpfs,
            "binds": binds,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            # Process 1 is one of those that are counted.
            "pids_limit": limits.processes + 1,
            "mem_limit": memory,
            "memswap_limit": memory,
            "nano_cpus": min(limits.cpus, processors) * 1_000_000_000,
            "ipc_mode": "private",
            "shm_size": limits.scratch,
            # Only process 1 prints there, and only when something is wrong with it.
            "log_config": LogConfig(type="json-file", config={"max-size": "64k", "max-file": "1"}),
            "device_requests": requests,
        }


def shape_of(job: Job, image: str) -> ContainerSpec:
    """The shape that a job fits into, its own folders left open. Raises SandboxError for a mount that cannot be."""
    for target in mounts.reserved(job.inputs):
        raise SandboxError(f"an input cannot be mounted at {target}: the sandbox needs that place itself")
    for mount in job.inputs:
        if not mount.source.exists():
            raise SandboxError(f"the input {mount.source} does not exist")
        if ":" in f"{mount.source}{mount.target}":
            raise SandboxError(f"the input {mount.source} cannot be shown to a container: its path has a colon")
    return ContainerSpec(
        image=image,
        limits=job.limits,
        ranks=job.ranks,
        shown=tuple(Mount(source=m.source.resolve(), target=m.target) for m in job.inputs if not m.own),
        own=tuple(str(mount.target) for mount in job.inputs if mount.own),
        devices=job.gpus,
    )
