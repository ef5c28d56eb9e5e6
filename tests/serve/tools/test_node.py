"""JavaScript clients under Node.js: the packages `openai` and `ai` (Vercel AI SDK) with `@ai-sdk/openai-compatible`.

`scripts/checks/clients.sh` installs them and names their folder in ROUTER_R1_NODE_CLIENTS. Each program of `node/` prints
what it got as one JSON object.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from gateway_process import GatewayProcess, run
from moons import ARNA, PIXEL, PIXEL_SEEN, RAIN
from serving import LARGE

PACKAGES = os.environ.get("ROUTER_R1_NODE_CLIENTS", "")
PROGRAMS = Path(__file__).with_name("node")
OBJECT = {"moon": "Arna", "km": 612}

pytestmark = [
    pytest.mark.skipif(
        not PACKAGES,
        reason="ROUTER_R1_NODE_CLIENTS is not set; scripts/checks/clients.sh runs this",
    ),
    pytest.mark.parametrize("model", ["router-r1", "router-r1:cheap", LARGE]),
]


def got(program: str, gateway: GatewayProcess, model: str, folder: Path) -> dict[str, Any]:
    """What a program got."""
    shutil.copy(PROGRAMS / program, folder)
    (folder / "node_modules").symlink_to(Path(PACKAGES, "node_modules").resolve())
    return dict(json.loads(run(["node", program, gateway.base_url, model, PIXEL], folder)))


def test_openai(gateway: GatewayProcess, tmp_path: Path, model: str) -> None:
    result = got("openai.mjs", gateway, model, tmp_path)
    tokens = 50 if model == LARGE else 270
    assert result == {
        "chat": {"text": ARNA, "tokens": tokens},
        "stream": {"text": ARNA, "tokens": tokens},
        "tools": [{"name": "weather", "arguments": {"city": "Oslo"}}],
        "runTools": RAIN,
        "parsed": OBJECT,
        "image": PIXEL_SEEN,
        "response": ARNA,
        "responseStream": ARNA,
        "responseTools": {"city": "Oslo"},
        "responseImage": PIXEL_SEEN,
        "hasModel": True,
        "embedding": [0.5, 0.25],
        "unknownModel": {"status": 404, "param": "model"},
    }


def test_ai_sdk(gateway: GatewayProcess, tmp_path: Path, model: str) -> None:
    result = got("ai_sdk.mjs", gateway, model, tmp_path)
    thoughts = result.pop("reasoning")
    assert (f"Asking {LARGE}" in thoughts) is (model != LARGE)
    assert result == {
        "text": ARNA,
        "finish": "stop",
        "tokens": 50 if model == LARGE else 270,
        "stream": ARNA,
        "settings": ARNA,
        "tools": {"text": RAIN, "steps": 2, "called": {"city": "Oslo"}},
        "streamTools": RAIN,
        "output": OBJECT,
        "streamOutput": OBJECT,
        "image": PIXEL_SEEN,
        "embedding": [0.5, 0.25],
    }
    settings = next(body for body in gateway.received if body.get("seed") == 7)
    assert (settings["temperature"], settings["top_p"]) == (0.2, 0.9)
    assert (settings["stop"], settings["max_tokens"]) == (["STOP"], 50)
