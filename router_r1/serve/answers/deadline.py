"""The time of a request, over everything that it waits for."""

from __future__ import annotations

import asyncio
from typing import Any

from router_r1.serve.api_error import ApiError


class Deadline:
    """The time that is left to a request, as a block; when it is over, `ApiError` 504 is raised."""

    def __init__(self, seconds: float) -> None:
        """Set the time, which begins with the block."""
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        """Begin."""
        await self._timeout.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        """End."""
        try:
            await self._timeout.__aexit__(*error)
        except TimeoutError:
            raise ApiError(
                504,
                "no answer in the time that a request may take",
                kind="upstream_error",
                code="deadline",
            ) from None
