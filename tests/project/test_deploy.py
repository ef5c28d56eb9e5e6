"""`deploy/`: the files are valid, agree with each other, and say what the program does.

No container engine, cluster or systemd is needed. The very commands that stand in the files are run on this machine, with
the paths and ports of the container replaced: the image's installation, entry point and health check, the init container
of the pods, the unit's start and reload. Not here: that the images exist, and what an engine makes of the files.
"""

import configparser
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from router_r1.agent_file import load_agent
from router_r1.serve.worker import DRAIN_S
from router_r1.testing.loopback_server import LoopbackServer, Served, chat_reply, usage

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROGRAM = [sys.executable, "-c", "from router_r1.cli import main; main()"]
PROVIDER = "https://openrouter.ai/api/v1"
MODEL = "meta-llama/llama-3.1-8b-instruct"

MANIFESTS = [
    manifest
    for file in sorted((DEPLOY / "kubernetes").rglob("*.yaml"))
    for manifest in yaml.safe_load_all(file.read_text())
]
(TEMPLATE,) = [m["spec"]["template"] for m in MANIFESTS if m["kind"] == "Deployment"]
POD = TEMPLATE["spec"]
(CONTAINER,), (INIT,) = POD["containers"], POD["initContainers"]
(CONFIG,) = [m for m in MANIFESTS if m["kind"] == "ConfigMap"]
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
LINES = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
DOCKERFILE = [line.partition(" ")[::2] for line in LINES if line and not line.startswith("#")]
UNIT = configparser.ConfigParser(strict=False, interpolation=None, delimiters="=")
UNIT.read(DEPLOY / "systemd" / "router-r1.service")
SERVICE = UNIT["Service"]


def manifest(kind: str, name: str) -> dict[str, Any]:
    (found,) = [m for m in MANIFESTS if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    return dict(found)


def instructions(name: str) -> list[str]:
    """The arguments of each instruction of this name in the Dockerfile."""
    return [rest for word, rest in DOCKERFILE if word == name]


def copied() -> list[str]:
    """Files and folders of the repository that go into the build of the image."""
    copies = [rest.split() for rest in instructions("COPY")]
    return [name for copy in copies if "--from=" not in copy[0] for name in copy[:-1]]


def replaced(words: Sequence[str], changes: Mapping[str, object]) -> list[str]:
    """Words with parts of them replaced."""
    for old, new in changes.items():
        words = [word.replace(old, str(new)) for word in words]
    return list(words)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@dataclass
class Gateway:
    """A gateway that runs on this machine."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)

    def ask(self, key: str) -> httpx2.Response:
        url = f"http://127.0.0.1:{self.port}/v1/chat/completions"
        body = {"model": MODEL, "messages": [{"role": "user", "content": "How wide is Arna?"}]}
        return httpx2.post(url, json=body, headers={"x-api-key": key}, timeout=10)

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + 30
        while not is_so():
            assert self.process.poll() is None and time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx2.TransportError):
            return self.get("/ready").status_code == 200
        return False


@contextlib.contextmanager
def started(program: Sequence[str], log: Path, **variables: str) -> Iterator[Gateway]:
    """Run a program on a free port in place of 4000. A test waits until it is ready."""
    port = free_port()
    command = [str(port) if word == "4000" else word for word in program]
    env = {**os.environ, "OPENROUTER_API_KEY": "none", **variables}
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=env, cwd=log.parent)
    try:
        yield Gateway(process, port, log)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def upstream() -> Iterator[LoopbackServer]:
    with LoopbackServer(lambda _: Served(chat_reply("612 km", usage=usage(3, 4)))) as server:
        yield server


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """The Redis of the manifest, on a free port."""
    pytest.importorskip("redis", reason="needs redis: pip install 'redis>=5'")
    if shutil.which("redis-server") is None:
        pytest.skip("needs the program redis-server: apt-get install redis-server")
    (container,) = manifest("StatefulSet", "redis")["spec"]["template"]["spec"]["containers"]
    port = str(free_port())
    command = [*container["command"], "--port", port, "--bind", "127.0.0.1"]
    command = replaced(command, {"/data": tmp_path})
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


def add_key(file: Path, *options: str) -> str:
    command = [*PROGRAM, "keys", "add", "app", "--file", str(file), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_kubernetes_takes_every_manifest() -> None:
    schemas = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
    assert len(MANIFESTS) == 10
    for each in MANIFESTS:
        schemas.validate(each, schemas.latest_version(), strict=True)


def test_the_manifests_fit_each_other() -> None:
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        spec = manifest(kind, "router-r1")["spec"]
        selector = spec.get("selector", spec.get("podSelector"))
        labels = selector.get("matchLabels", selector)
        assert labels and labels.items() <= TEMPLATE["metadata"]["labels"].items()
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    for each in (CONTAINER, INIT):
        assert {mount["name"] for mount in each["volumeMounts"]} <= volumes.keys()
    assert CONTAINER["image"] == INIT["image"]
    assert volumes["config"]["configMap"]["name"] == CONFIG["metadata"]["name"]
    assert manifest("Secret", volumes["keys"]["secret"]["secretName"])["data"].keys() == {"keys.db"}
    (port,), (exposed,) = CONTAINER["ports"], instructions("EXPOSE")
    (service_port,) = manifest("Service", "router-r1")["spec"]["ports"]
    assert (service_port["targetPort"], int(exposed)) == (port["name"], port["containerPort"])
    annotations = TEMPLATE["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == CONTAINER["args"][-1] == exposed
    assert f"{POD['securityContext']['runAsUser']}:10001" == instructions("USER")[0]


def test_the_configuration_is_the_same_everywhere_and_loads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "none")
    for name, text in CONFIG["data"].items():
        assert text == (DEPLOY / "example" / name).read_text()
    secret = manifest("Secret", CONTAINER["envFrom"][0]["secretRef"]["name"])["stringData"]
    for name in ("agent.yaml", "agent-gpu.yaml"):
        with load_agent(DEPLOY / "example" / name) as agent:
            needed = {endpoint.api_key_env for endpoint in agent.pool.endpoints.values()}
        file = yaml.safe_load((DEPLOY / "example" / name).read_text())
        needed |= {file["policy"].get("api_key_env")} - {None}
        assert needed <= secret.keys() & SERVICES["gateway"]["environment"].keys()
        redis = file["serve"]["redis"].removeprefix("redis://").partition(":")[0]
        assert redis in SERVICES and manifest("Service", redis)
        assert f"ROUTER_R1_KEYS={file['serve']['keys']}" in instructions("ENV")[0]
    assert file["policy"]["base_url"] == "http://policy:8000/v1"  # of agent-gpu.yaml
    assert SERVICES["policy"]["command"][0] == file["policy"]["model"]


def test_a_stop_waits_for_the_requests_in_work() -> None:
    _, seconds = CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
    assert POD["terminationGracePeriodSeconds"] >= int(seconds) + DRAIN_S + 5
    assert int(SERVICES["gateway"]["stop_grace_period"].removesuffix("s")) >= DRAIN_S + 5
    assert int(SERVICE["TimeoutStopSec"]) >= DRAIN_S + 5
    agent = yaml.safe_load(CONFIG["data"]["agent.yaml"])
    assert agent["serve"]["ceiling"]["timeout_s"] <= DRAIN_S


def test_compose_names_only_what_there_is() -> None:
    gateway = SERVICES["gateway"]
    folder = DEPLOY / gateway["build"]["context"]
    assert (folder / gateway["build"]["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    volumes = {each.partition(":")[0] for one in SERVICES.values() for each in one["volumes"]}
    assert {name for name in volumes if "/" not in name} == COMPOSE["volumes"].keys()
    assert all((DEPLOY / name).is_dir() for name in volumes if "/" in name)
    assert all(SERVICES[name]["healthcheck"]["test"] for name in gateway["depends_on"])
    command = re.sub(r"\$\{\w+:-(.+)\}", r"\1", " ".join(gateway["command"]))
    assert command.split() == json.loads(instructions("CMD")[0]) == CONTAINER["args"]


def test_the_dockerfile_copies_what_there_is() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for name in copied():
        assert (ROOT / name).exists() and f"!{name}" in ignored
    stages = [rest.partition(" AS ")[2] for rest in instructions("FROM")]
    assert re.findall(r"--from=(\S+)", " ".join(instructions("COPY"))) == stages[:-1]
    (extras,) = re.findall(r"\.whl\)\[(.+?)\]", " ".join(instructions("RUN")))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()


def test_pods_share_the_limits_of_a_key(
    tmp_path: Path, upstream: LoopbackServer, redis_url: str
) -> None:
    secret = add_key(tmp_path / "keys.db", "--requests-per-minute", "3")
    assert [path.name for path in tmp_path.glob("keys*")] == ["keys.db"], "a Secret of one file"
    program = [*PROGRAM, *json.loads(instructions("ENTRYPOINT")[0])[1:], *CONTAINER["args"]]
    with contextlib.ExitStack() as running:
        pods = []
        for name in ("a", "b"):
            folders = {f"/{each}": tmp_path / name / each for each in ("secrets", "data", "config")}
            mounted = folders["/config"] / "..data"  # as Kubernetes mounts a ConfigMap
            for folder in (*folders.values(), mounted):
                folder.mkdir(parents=True)
            shutil.copy(tmp_path / "keys.db", folders["/secrets"])
            (folders["/data"] / "keys.db-wal").write_text("of a container that was killed")
            subprocess.run(replaced(INIT["command"], folders), check=True)
            assert [each.name for each in folders["/data"].iterdir()] == ["keys.db"]
            places = {"/data": folders["/data"], "redis://redis:6379/0": redis_url}
            for file, text in CONFIG["data"].items():
                (content,) = replaced([text], {**places, PROVIDER: upstream.base_url})
                (mounted / file).write_text(content)
                (folders["/config"] / file).symlink_to(Path("..data") / file)
            pod = started(replaced(program, folders), tmp_path / f"{name}.log")
            pods.append(running.enter_context(pod))
        for each in pods:
            each.wait_until(each.is_ready)
        first, second = pods
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert first.get(CONTAINER[probe]["httpGet"]["path"]).status_code == 200
        _, *check = json.loads(instructions("HEALTHCHECK")[0].partition("CMD")[2])
        for port, is_healthy in ((first.port, True), (free_port(), False)):
            command = [sys.executable, *replaced(check, {"4000": port})]
            assert (subprocess.run(command, capture_output=True).returncode == 0) is is_healthy
        assert first.ask("wrong").status_code == 401
        answers = [each.ask(secret) for each in (first, second, first, second, first)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert answers[0].json()["choices"][0]["message"]["content"] == "612 km"
        scraped = first.get(TEMPLATE["metadata"]["annotations"]["prometheus.io/path"]).text
        assert "router_r1_requests_total" in scraped
    assert {each.name for each in folders["/data"].iterdir()} >= {"keys.db", "receipts.db"}
    assert {each.name for each in folders["/config"].iterdir()} == {mounted.name, *CONFIG["data"]}


def test_the_unit_starts_the_gateway_and_reloads_it(
    tmp_path: Path, upstream: LoopbackServer
) -> None:
    for name, text in CONFIG["data"].items():
        (tmp_path / name).write_text(text.replace(PROVIDER, upstream.base_url))
    state = tmp_path / SERVICE["StateDirectory"]
    secret = add_key(state / "keys.db")
    words = shlex.split(SERVICE["ExecStart"].replace("\\\n", " "))
    assert words[0] == "/opt/router-r1/bin/router-r1"
    command = [*PROGRAM, *replaced(words[1:], {"/etc/router-r1": tmp_path, "%S": tmp_path})]
    with started(command, tmp_path / "log") as gateway:
        gateway.wait_until(gateway.is_ready)
        assert [gateway.ask(key).status_code for key in (secret, "wrong")] == [200, 401]
        assert SERVICE["ExecReload"] == "/bin/kill -HUP $MAINPID"
        gateway.process.send_signal(signal.SIGHUP)
        gateway.wait_until(lambda: "reloaded; version" in gateway.log.read_text())
        assert gateway.ask(secret).status_code == 200
    assert {path.name for path in state.iterdir()} >= {"keys.db", "receipts.db"}
    with started(replaced(command, {"keys.db": "gone.db"}), tmp_path / "log") as gateway:
        assert gateway.process.wait(30) == int(SERVICE["RestartPreventExitStatus"])
        assert "gone.db: no such file" in gateway.log.read_text()


def test_systemd_takes_the_unit_and_finds_it_hardened(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("needs the program systemd-analyze: apt-get install systemd")
    text = (DEPLOY / "systemd" / "router-r1.service").read_text()
    path = tmp_path / "router-r1.service"
    path.write_text(text.replace("/opt/router-r1/bin/router-r1", sys.executable))
    verified = subprocess.run([analyze, "verify", "--man=no", path], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    options = ["security", "--offline=true", "--threshold=20"]  # of 100, the worst
    rated = subprocess.run([analyze, *options, path], capture_output=True, text=True)
    assert rated.returncode == 0, rated.stdout


@pytest.mark.slow
def test_the_image_installs_in_less_than_200_mb_and_serves(
    tmp_path: Path, upstream: LoopbackServer
) -> None:
    source, installed = tmp_path / "source", tmp_path / "installed"
    source.mkdir()
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    for name in copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=skipped)
        else:
            shutil.copy(ROOT / name, source)
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    paths = {"/opt/router-r1": installed, "/dist": tmp_path / "dist", "--no-cache-dir": ""}
    for step in replaced(instructions("RUN")[:3], paths):
        done = subprocess.run(["sh", "-c", step], cwd=source, env=env, capture_output=True)
        assert done.returncode == 0, (done.stdout + done.stderr).decode()
    files = [path for path in installed.rglob("*") if not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < 200e6
    models = f"vllm/x@{upstream.base_url}"
    command = [str(installed / "bin" / "router-r1"), "serve", "--models", models, "--port", "4000"]
    with started(command, tmp_path / "log", ROUTER_R1_KEYS=str(tmp_path / "none")) as gateway:
        gateway.wait_until(gateway.is_ready)
        assert gateway.get("/health").json() == {"status": "ok"}
