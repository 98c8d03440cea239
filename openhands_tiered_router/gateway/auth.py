"""The clients' key. LiteLLM's own check asks a database for every key but one."""

from __future__ import annotations

import hmac
import os

from fastapi import HTTPException, Request
from litellm.proxy._types import LitellmUserRoles, UserAPIKeyAuth

from openhands_tiered_router.gateway.settings import KEY


async def check(
    request: Request,  # noqa: ARG001
    api_key: str | None,
) -> UserAPIKeyAuth:
    """Who a request comes from.

    Raises:
        HTTPException: 401: the key is missing or wrong.
    """
    expected = os.environ[KEY]
    given = (api_key or "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise HTTPException(401, "The gateway does not know this key.")
    return UserAPIKeyAuth(api_key="gateway", user_role=LitellmUserRoles.INTERNAL_USER)
