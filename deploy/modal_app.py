"""Named routes on Modal, serverless: training on one GPU, and a model that says which route fits, down to zero.

    pip install modal && modal setup
    modal volume create router-r1
    modal volume put router-r1 my_table /my_table                           an outcome table
    modal volume put router-r1 routes.yaml /routes.yaml
    modal run deploy/modal_app.py::main --table my_table --labels oracle    trains; the result is /routes in the volume
    modal deploy deploy/modal_app.py                                        serves it
    modal run deploy/modal_app.py::ask --text "May my landlord keep the deposit?"

`ROUTER_R1_GPU` names another GPU than an L4. Training continues where it was interrupted, because its folder is in the
volume. A change of the map in /routes.yaml needs a new container and no training.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import modal

ROOT = Path(__file__).resolve().parents[1]
DATA = "/data"
MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
GPU = os.environ.get("ROUTER_R1_GPU", "L4")
PACKAGES = ("router_r1", "reward", "envs", "eval")

image = modal.Image.debian_slim(python_version="3.11").pip_install("uv")
for name in ("pyproject.toml", "README.md", "LICENSE"):
    image = image.add_local_file(ROOT / name, f"/src/{name}", copy=True)
for name in PACKAGES:
    image = image.add_local_dir(ROOT / name, f"/src/{name}", copy=True, ignore=["**/__pycache__"])
image = image.run_commands(
    "uv pip install --system '/src[local,sft,parquet]' bitsandbytes", gpu=GPU
).env({"HF_HOME": f"{DATA}/hub"})

app = modal.App("router-r1-named-routes", image=image)
volume = modal.Volume.from_name("router-r1", create_if_missing=True)


@app.function(gpu=GPU, volumes={DATA: volume}, timeout=6 * 3600)
def train(table: str, labels: str = "category", model: str = MODEL, method: str = "qlora") -> str:
    """Both stages, SFT and DPO; the checkpoints and `report.json` go to /routes in the volume.

    Args:
        table: an outcome table in the volume.
        labels: `category` or `oracle`.
        model: the checkpoint to train, a name on the hub or a folder in the volume.
        method: `qlora`, `lora` or `full`.

    Returns:
        The content of `report.json`.
    """
    out = Path(DATA, "routes")
    command = ["router-r1", "train", "named-routes", model, "--routes", f"{DATA}/routes.yaml"]
    command += ["--table", f"{DATA}/{table}", "--labels", labels, "--out", str(out)]
    command += ["--sft", f"method={method}", "--dpo", f"method={method}"]
    try:
        subprocess.run(command, check=True)
    finally:
        volume.commit()  # also what an interrupted training has reached
    return (out / "report.json").read_text()


@app.cls(gpu=GPU, volumes={DATA: volume}, scaledown_window=120)
@modal.concurrent(max_inputs=32)
class Routes:
    """The trained model: one container takes 32 requests at a time, and ends after two idle minutes."""

    @modal.enter()
    def load(self) -> None:
        """Load the checkpoint of the last stage, once for each container."""
        from router_r1.routers.named_routes import NamedRoutes, load_routes

        stages = [Path(DATA, "routes", stage) for stage in ("dpo", "sft")]
        last = next(folder for folder in stages if (folder / "losses.json").exists())
        self.router = NamedRoutes.of_checkpoint(load_routes(f"{DATA}/routes.yaml"), last)

    @modal.method()
    def decide(self, text: str) -> dict[str, Any]:
        """Route, candidate, and why the default was taken, if it was."""
        found = self.router.decide_now(text)
        return {"route": found.route, "model": found.model, "problem": found.problem}

    @modal.fastapi_endpoint(method="POST", requires_proxy_auth=True)
    def route(self, body: dict[str, Any]) -> dict[str, Any]:
        """The same over HTTP: `{"messages": [...]}` in the OpenAI shape; needs a proxy token of Modal."""
        from router_r1.conversation import Conversation

        found = self.router.decide_now(Conversation.read(body.get("messages")))
        return {"route": found.route, "model": found.model, "problem": found.problem}

    @modal.exit()
    def close(self) -> None:
        """Release the model."""
        self.router.close()


@app.local_entrypoint()
def main(table: str, labels: str = "category", model: str = MODEL, method: str = "qlora") -> None:
    """`modal run deploy/modal_app.py::main --table T`: train, and print the report."""
    print(train.remote(table, labels, model, method))  # noqa: T201


@app.local_entrypoint()
def ask(text: str) -> None:
    """`modal run deploy/modal_app.py::ask --text T`: ask the trained model."""
    print(Routes().decide.remote(text))  # noqa: T201
