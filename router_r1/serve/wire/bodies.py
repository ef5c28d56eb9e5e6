"""Reads the body of a request, within limits, and writes JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from router_r1.serve.api_error import ApiError

_LONG_NUMBER = re.compile(rb"[0-9]{19}")


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body of a request. Raises `ApiError` 413 if it is longer than `max_bytes`."""
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > max_bytes:
        raise _too_long(max_bytes)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError(
            415, "content-encoding: send the body uncompressed", code="unsupported_encoding"
        )
    pieces: list[bytes] = []
    length = 0
    async for piece in request.stream():
        length += len(piece)
        if length > max_bytes:
            raise _too_long(max_bytes)
        pieces.append(piece)
    return b"".join(pieces)


def read_object(body: bytes, max_depth: int) -> dict[str, Any]:
    """The JSON object in a body. Raises `ApiError` 400 if there is none, or if it is nested too deeply."""
    try:
        # orjson makes floats of integers over 64 bits.
        data = json.loads(body) if _LONG_NUMBER.search(body) else orjson.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"the body is not JSON: {error}", code="invalid_json") from None
    if not isinstance(data, dict):
        raise ApiError(
            400, f"expected a JSON object, got a {type(data).__name__}", code="invalid_json"
        )
    if body.count(b"[") + body.count(b"{") > max_depth:
        _check_depth(data, max_depth)
    return data


def encoded(content: Mapping[str, Any]) -> bytes:
    """JSON, also of integers over 64 bits."""
    try:
        return orjson.dumps(content)
    except orjson.JSONEncodeError:
        return json.dumps(content, ensure_ascii=False).encode()


def _too_long(max_bytes: int) -> ApiError:
    return ApiError(
        413,
        f"the body is longer than {max_bytes:,} bytes; send less, or smaller images",
        code="body_too_long",
    )


def _check_depth(data: object, max_depth: int) -> None:
    level: list[object] = [data]
    for _ in range(max_depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)  # type: ignore[attr-defined]
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ApiError(400, f"the body is nested over {max_depth} levels deep", code="too_deep")


def json_response(
    content: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A reply whose body is JSON."""
    body = orjson.dumps(content)
    return Response(body, status, headers=headers, media_type="application/json")
