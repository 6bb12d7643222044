"""The images that programs run in: chosen, tagged, built once, built offline, listed, and refused with advice."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from docker import DockerClient

from evolver.errors import SandboxError, UsageError
from evolver.sandbox.docker import images
from evolver.sandbox.docker.backend import DockerSandbox
from evolver.sandbox.docker.engine import connect
from evolver.sandbox.docker.image_list import list_images, prune_images
from evolver.sandbox.docker.images import ensure_image, exists, lacking, packages, tag_of, variant_for
from evolver.sandbox.docker.task_layer import build_layer, image_with

pytestmark = pytest.mark.timeout(900)  # builds share the machine with other tests
PLACES = ("evolver", "task", "program", "public", "artifacts", "judge", "private", "outputs", "out", "run/evolver")


@pytest.fixture(scope="session")
def client() -> Iterator[DockerClient]:
    """The machine's engine."""
    client = connect()
    yield client
    client.close()


@pytest.fixture(scope="session")
def plain(client: DockerClient) -> str:
    """The image without torch; kept between runs."""
    return ensure_image(client, "plain")


@pytest.fixture
def own_base(client: DockerClient, plain: str) -> Iterator[str]:
    """A base image of one test, which has numpy and scipy; all that was made from it goes with it."""
    name = f"evolver-test-base:{uuid.uuid4().hex}"
    label = f"evolver.test={name}"
    client.images.build(fileobj=io.BytesIO(f"FROM {plain}\nLABEL {label}\n".encode()), tag=name, rm=True)
    yield name
    for image in client.images.list(filters={"label": label}):
        for tag in image.tags:
            client.images.remove(tag, force=True)
    client.images.prune(filters={"dangling": True, "label": label})


def inside(client: DockerClient, tag: str, code: str) -> str:
    """What a piece of Python prints in a container as confined as a candidate's."""
    said: bytes = client.containers.run(
        tag,
        ["/usr/local/bin/python", "-c", code],
        remove=True,
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        user="65534:65534",
        mem_limit="1g",
    )
    return said.decode()


@pytest.mark.parametrize(
    ("requires", "gpus", "variant"),
    [
        ((), 0, "plain"),
        (("numpy", "scipy"), 0, "plain"),
        (("numpy", "torch"), 0, "cpu"),
        (("torch.nn",), 0, "cpu"),
        (("accelerate",), 0, "cpu"),
        (("safetensors",), 0, "cpu"),
        (("torchlike",), 0, "plain"),
        (("torch",), 2, "cuda"),
        ((), 1, "cuda"),
    ],
)
def test_the_variant_follows_from_packages_and_gpus(requires: tuple[str, ...], gpus: int, variant: str) -> None:
    assert variant_for(requires, gpus) == variant


def test_a_tag_names_its_content(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tag = tag_of("plain")
    assert re.fullmatch(r"evolver-sandbox:plain-[0-9a-f]{12}", tag)
    assert tag == tag_of("plain", "python:3.11-slim")
    assert (
        len({tag, tag_of("cpu"), tag_of("cuda"), tag_of("plain", "other:1"), tag_of("plain", pip_args="einops")}) == 5
    )
    monkeypatch.setenv("EVOLVER_IMAGE_BASE", "other:1")
    assert tag_of("plain") == tag_of("plain", "other:1") != tag
    monkeypatch.undo()
    for path in images._FOLDER.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(images, "_FOLDER", tmp_path)
    assert tag_of("plain") == tag
    (tmp_path / "requirements-plain.txt").write_text("numpy==2.4.5\n")
    assert tag_of("plain") != tag


def test_where_packages_come_from_is_no_content() -> None:
    words = (
        "--index-url https://wheels.example/simple --find-links=http://127.0.0.1:1/ --trusted-host 127.0.0.1 --no-index"
    )
    assert packages(words) == []
    assert tag_of("cpu", pip_args=words) == tag_of("cpu")
    assert packages(f"einops==0.8.0 {words} --pre") == ["einops==0.8.0", "--pre"]


def test_versions_are_those_of_the_package() -> None:
    """A program sees the same numpy and scipy in a container as under bubblewrap."""
    pinned = set((Path(__file__).parents[2] / "constraints.txt").read_text().split())
    assert set((images._FOLDER / "requirements-plain.txt").read_text().split()) <= pinned


def test_a_program_finds_what_it_needs(client: DockerClient, plain: str) -> None:
    code = f"""
import importlib.util, os, pwd, sys
import numpy, scipy.optimize
print(sys.executable, os.getuid(), pwd.getpwuid(65534).pw_name, sys.version_info >= (3, 11))
print(all(os.path.isdir("/" + place) and not os.listdir("/" + place) for place in {PLACES}))
import email.message, scipy.stats
print(all(os.path.exists(m.__cached__) for m in list(sys.modules.values()) if getattr(m, "__cached__", None)))
print([p for p in ("/root/.cache", "/tmp/pip") if os.path.exists(p)], importlib.util.find_spec("torch"))
"""
    said = inside(client, plain, code).splitlines()
    assert said == ["/usr/local/bin/python 65534 nobody True", "True", "True", "[] None"]
    configuration = client.images.get(plain).attrs["Config"]
    made_of = {
        "evolver.sandbox": "1",
        "evolver.variant": "plain",
        "evolver.base": "python:3.11-slim",
        "evolver.pip": "",
    }
    assert made_of.items() <= configuration["Labels"].items()
    assert not configuration["Entrypoint"]
    assert configuration["User"] == "65534:65534"
    assert not any(name.startswith("PIP") for name in configuration["Env"])


def test_an_image_that_is_there_costs_nothing(client: DockerClient, plain: str) -> None:
    said: list[str] = []
    assert ensure_image(client, "plain", progress=said.append) == plain
    assert not said, "nothing is built"


@pytest.mark.slow
def test_the_image_for_training_has_torch_for_processors(client: DockerClient) -> None:
    tag = tag_of("cpu")
    if not exists(client, tag):
        pytest.skip("the image cpu is not built: .ci/engine images, or evolver sandbox build --variant cpu")
    code = "import torch, accelerate, safetensors; print(torch.version.cuda, float(torch.ones(3).sum()))"
    assert inside(client, tag, code).split() == ["None", "3.0"]


def test_a_base_that_has_everything_needs_no_network(
    client: DockerClient, own_base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLVER_IMAGE_NETWORK", "none")
    said: list[str] = []
    tag = ensure_image(client, "plain", base=own_base, pip_args="--no-index", progress=said.append)
    assert tag == tag_of("plain", own_base)
    assert any("already satisfied: numpy" in line for line in said)
    assert "[1, 2]" in inside(client, tag, "import numpy; print(numpy.arange(1, 3).tolist())")
    (image,) = [image for image in list_images(client) if image.tag == tag]
    assert image.current
    assert image.base == own_base
    before = image.id
    assert ensure_image(client, "plain", base=own_base, pip_args="--no-index", rebuild=True) == tag
    assert client.images.get(tag).id != before


def test_one_process_builds_while_others_wait(
    client: DockerClient, own_base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLVER_IMAGE_NETWORK", "none")
    code = f"""
from evolver.sandbox.docker.backend import DockerSandbox
from evolver.sandbox.docker.engine import connect
from evolver.sandbox.docker.images import ensure_image
said = []
ensure_image(connect(), "plain", base={own_base!r}, pip_args="--no-index", progress=said.append)
print("built" if any(line.startswith("Step ") for line in said) else "waited" if said else "came late")
"""
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate(timeout=400)[0].strip() for process in both)
    assert said in (["built", "waited"], ["built", "came late"])


def test_a_base_that_is_nowhere_is_named_with_what_to_do(client: DockerClient) -> None:
    with pytest.raises(SandboxError, match=r"(?s)evolver-test-nowhere:1.*--base.*EVOLVER_IMAGE_BASE.*docker load"):
        ensure_image(client, "plain", base="127.0.0.1:9/evolver-test-nowhere:1")


def test_a_package_that_is_nowhere_is_named_with_what_to_do(client: DockerClient, own_base: str) -> None:
    words = "--no-index no-such-package-here"
    with pytest.raises(
        SandboxError, match=r"(?s)no-such-package-here.*--pip-args.*EVOLVER_IMAGE_NETWORK=host"
    ) as raised:
        ensure_image(client, "plain", base=own_base, pip_args=words)
    assert len(str(raised.value).splitlines()) < 20
    assert "\x1b" not in str(raised.value)
    assert not exists(client, tag_of("plain", own_base, words))


def test_a_torch_of_the_wrong_kind_is_refused(client: DockerClient, own_base: str) -> None:
    """No index of wheels for processors: nothing is installed rather than gigabytes of CUDA."""
    with pytest.raises(SandboxError, match="torch"):
        ensure_image(client, "cpu", base=own_base, pip_args="--no-index")


def test_what_a_build_cannot_inject(client: DockerClient, own_base: str) -> None:
    """Words for pip reach pip as words, whatever a shell would make of them."""
    with pytest.raises(SandboxError) as raised:
        ensure_image(client, "plain", base=own_base, pip_args="--no-index ;echo INJECTED;exit 0; $(echo INJECTED)")
    assert not any(line.strip() == "INJECTED" for line in str(raised.value).splitlines())


def test_only_outdated_images_are_pruned(
    client: DockerClient, own_base: str, plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLVER_IMAGE_NETWORK", "none")
    kept = ensure_image(client, "plain", base=own_base, pip_args="--no-index")
    old = f"evolver-sandbox:plain-{time.monotonic_ns():012x}"[:46]
    client.images.get(kept).tag(old)
    assert {image.tag: image.current for image in list_images(client) if image.tag in (kept, old, plain)} == {
        kept: True,
        old: False,
        plain: True,
    }
    removed, used = prune_images(client)
    assert not {kept, plain}.intersection(image.tag for image in [*removed, *used])
    assert not exists(client, old)
    assert exists(client, own_base), "an image of the user's own, made from one of ours"
    assert exists(client, kept)
    assert exists(client, plain)


def test_a_layer_has_what_a_task_requires_and_is_used_by_its_jobs(
    client: DockerClient, plain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"tiny{uuid.uuid4().hex[:8]}"
    wheels, requires = _wheel(tmp_path, name), ("numpy", name)
    with _served(wheels) as words:
        monkeypatch.setenv("EVOLVER_IMAGE_NETWORK", "host")
        assert image_with(client, requires, 0) == plain
        assert lacking(client, plain, requires) == (name,)
        tag = build_layer(client, requires, 0, pip_args=words)
        try:
            assert tag == image_with(client, requires, 0) != plain
            assert tag == build_layer(client, requires, 0), "it is there"
            assert inside(client, tag, f"import {name}, numpy; print({name}.WORTH)") == "7\n"
            assert lacking(client, tag, (*requires, "deb:absent")) == ("deb:absent",)
            (image,) = (image for image in list_images(client) if image.tag == tag)
            assert (image.has, image.current) == (name, True)
            sandbox = DockerSandbox.open(1, requires=requires)
            assert sandbox.image_for(requires, 0) == tag in sandbox.where
            sandbox.abandon()
        finally:
            client.images.remove(tag, force=True)


def test_a_layer_of_what_is_nowhere_says_so(client: DockerClient, plain: str) -> None:
    with pytest.raises(SandboxError, match="no package index was reached"):
        build_layer(client, ("absent_here",), 0, pip_args="--no-index")
    with pytest.raises(UsageError, match=r"requires: '\$\(id\)' is no name of a package"):
        build_layer(client, ("$(id)",), 0)
    with pytest.raises(SandboxError, match="evolver sandbox build --task TASK"):
        DockerSandbox.open(1, requires=("absent_here",))


def _wheel(folder: Path, name: str) -> Path:
    """A package of one module, as pip installs it."""
    about = f"{name}-1.0.dist-info"
    texts = {
        f"{name}.py": "WORTH = 7\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in texts.items():
            wheel.writestr(path, text)
    return folder


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Words for pip that find a folder's wheels, which a build does not see."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"--no-index --find-links http://127.0.0.1:{server.server_port}/ --trusted-host 127.0.0.1"
        server.shutdown()
