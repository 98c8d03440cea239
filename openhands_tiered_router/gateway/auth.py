"""Whose key a request has. LiteLLM's own check asks a database for most."""

from __future__ import annotations

import asyncio
import hmac
import os

from fastapi import HTTPException, Request
from litellm.proxy._types import LitellmUserRoles, UserAPIKeyAuth

from openhands_tiered_router.gateway.clients import Client
from openhands_tiered_router.gateway.hook import gateway
from openhands_tiered_router.gateway.settings import CLIENT_FIELD, KEY


async def check(
    request: Request,  # noqa: ARG001
    api_key: str | None,
) -> UserAPIKeyAuth:
    """Who a request comes from: the operator, or a client with a key of its own.

    Raises:
        HTTPException: 401: the key is missing or wrong.
    """
    given = (api_key or "").removeprefix("Bearer ")
    role = LitellmUserRoles.INTERNAL_USER
    expected = os.environ.get(KEY)
    if expected and hmac.compare_digest(given.encode(), expected.encode()):
        return UserAPIKeyAuth(api_key="gateway", user_role=role)
    client = await _client(given)
    if client is None:
        raise HTTPException(401, "The gateway does not know this key.")
    about = {"name": client.name, "usd": client.usd, "usd_day": client.usd_day}
    return UserAPIKeyAuth(
        api_key=f"client-{client.name}",
        key_alias=client.name,
        user_role=role,
        metadata={CLIENT_FIELD: about},
    )


async def _client(key: str) -> Client | None:
    if not key:
        return None
    try:
        clients = await gateway.clients()
    except Exception:
        return None  # the log says why no configuration is in force
    return await asyncio.to_thread(clients.find, key)
