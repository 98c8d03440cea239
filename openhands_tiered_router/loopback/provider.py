"""A provider of models on this machine, whose answers a script decides."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, Self

from aiohttp import web

from openhands_tiered_router.loopback.chat import CHAT
from openhands_tiered_router.loopback.delivery import Answer, Connection
from openhands_tiered_router.loopback.exchange import Reply, Request, Script, Wire
from openhands_tiered_router.loopback.faults import (
    ContextTooLong,
    CutStream,
    EmptyAnswer,
    Fault,
    FaultPlan,
    SlowFirstByte,
    bad_request,
)
from openhands_tiered_router.loopback.messages import MESSAGES
from openhands_tiered_router.loopback.metering import (
    Block,
    Charge,
    Metered,
    PromptCache,
    count_tokens,
    price,
    serialise,
)
from openhands_tiered_router.loopback.responses import RESPONSES
from openhands_tiered_router.loopback.scripts import fixed
from openhands_tiered_router.loopback.server import HOST, ServerThread
from openhands_tiered_router.loopback.wire import Body, Format, Malformed, objects
from openhands_tiered_router.tiers import FIVE_MINUTES, Prices


PATHS: Final[Mapping[str, Format]] = {
    "/chat/completions": CHAT,
    "/responses": RESPONSES,
    "/messages": MESSAGES,
}
KEY_HEADERS: Final = frozenset({"authorization", "x-api-key", "api-key"})
MAX_BODY: Final = 64 * 2**20
"""Bytes; as generous as real providers."""
SPOILERS: Final = (SlowFirstByte, CutStream, EmptyAnswer)
"""Faults that need an answer to spoil; the others take its place."""
FAULTY: Final = Reply(text="This answer does not arrive as it should.")
"""What a script's fault spoils when it needs an answer to spoil."""

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ScriptFailed(Exception):
    """The script raised; the cause is its own exception."""


def fingerprint(key: str) -> str:
    """How a key shows in recorded headers: enough to tell two keys apart."""
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()[:12]}"


class LoopbackProvider:
    """Speaks the wire formats of OpenAI and Anthropic on 127.0.0.1.

    A context manager. If the script raised, the client got a
    400, and leaving the context raises :class:`ScriptFailed`.

    Args:
        script: Decides each answer that no planned fault decides.
        prices: USD per token, by model as it stands in the request.
        windows: Longest prompt in tokens, by model; others have no limit.
        strict: Reject what the real APIs reject (see ``docs/loopback.md``).
        cache_ttl: Seconds that prompt caches keep a prefix from the start of the last
            request that used it.
        clock: The caches' clock, seconds from any fixed point.
        port: 0: any free one.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        prices: Mapping[str, Prices] | None = None,
        windows: Mapping[str, int] | None = None,
        strict: bool = True,
        cache_ttl: float = FIVE_MINUTES,
        clock: Callable[[], float] = time.monotonic,
        port: int = 0,
    ) -> None:
        self.faults = FaultPlan()
        """Faults to come."""
        self.script = script or fixed("Done.")
        self._prices = dict(prices or {})
        self._windows = dict(windows or {})
        self._strict = strict
        self._cache = PromptCache(cache_ttl, clock)
        self._port = port
        self._server: ServerThread | None = None
        self._requests: list[Request] = []
        self._charged: list[Charge] = []
        self._per_model: Counter[str] = Counter()
        self._script_error: Exception | None = None

    @property
    def base_url(self) -> str:
        """Address for every wire format; each path is also served below ``/v1``."""
        return f"http://{HOST}:{self._port}"

    @property
    def requests(self) -> tuple[Request, ...]:
        """All well-formed requests so far, failed ones too."""
        return tuple(self._requests)

    @property
    def charged(self) -> tuple[Charge, ...]:
        """The bill so far. An error costs nothing."""
        return tuple(self._charged)

    @property
    def total_usd(self) -> float:
        """Sum of the bill.

        Raises:
            ValueError: A model on the bill has no price.
        """
        unpriced = sorted({c.model for c in self._charged if c.usd is None})
        if unpriced:
            raise ValueError(
                f"no prices for {', '.join(unpriced)}; name them in prices="
            )
        return sum(c.usd for c in self._charged if c.usd is not None)

    def start(self) -> None:
        """Listen. Raises ``OSError`` if the port is taken."""
        self._server = ServerThread(self._application(), self._port)
        self._port = self._server.port

    def stop(self) -> None:
        """Close every connection and end the thread. Records stay readable."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop()
        if kind is None and self._script_error is not None:
            raise ScriptFailed("the loopback script raised") from self._script_error

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY)
        for prefix in ("", "/v1"):
            app.router.add_get(f"{prefix}/models", self._models)
            for path, wire_format in PATHS.items():
                app.router.add_post(f"{prefix}{path}", self._handler(wire_format))
        return app

    async def _models(self, _: web.Request) -> web.Response:
        names = sorted({*self._prices, *self._windows})
        data = [{"id": n, "object": "model", "owned_by": "loopback"} for n in names]
        return web.json_response({"object": "list", "data": data})

    def _handler(self, wire_format: Format) -> Handler:
        async def handle(http: web.Request) -> web.StreamResponse:
            connection = Connection(http, wire_format)
            try:
                body = read_body(await http.read())
                request = self._record(http, body, wire_format)
                outcome = self._decide(request, wire_format)
                return await connection.send(body, outcome)
            except Malformed as error:
                return await connection.send({}, bad_request(str(error)))

        return handle

    def _record(self, http: web.Request, body: Body, wire_format: Format) -> Request:
        model = body["model"]
        self._per_model[model] += 1
        request = Request(
            wire=wire_format.wire,
            model=model,
            messages=wire_format.messages(body),
            tools=tuple(map(_tool_name, objects(body, "tools"))),
            stream=bool(body.get("stream")),
            session=http.headers.get("x-litellm-session-id")
            or body.get("prompt_cache_key"),
            headers=_without_key(http.headers),
            body=body,
            number=len(self._requests) + 1,
            model_number=self._per_model[model],
        )
        self._requests.append(request)
        return request

    def _decide(self, request: Request, wire_format: Format) -> Answer | Fault:
        fault = self.faults.take(request.model, request.number, request.model_number)
        if fault is not None and not isinstance(fault, SPOILERS):
            return fault
        if self._strict and (found := wire_format.reject(request.body)):
            return bad_request(found.message, code=found.code)
        blocks = wire_format.blocks(request.body)
        tokens = sum(count_tokens(b.text) for b in blocks)
        window = self._windows.get(request.model, tokens)
        if tokens > window:
            return ContextTooLong(window, tokens)
        reply = self._ask_script(request)
        if isinstance(reply, SPOILERS):
            reply, fault = FAULTY, reply
        if isinstance(reply, Fault):
            return reply
        metered = self._meter(request, reply, blocks)
        return Answer(reply, metered, partial(self._bill, request), fault)

    def _ask_script(self, request: Request) -> Reply | Fault:
        try:
            return self.script(request)
        except Exception as error:
            self._script_error = error
            return bad_request(f"the loopback script raised {type(error).__name__}")

    def _meter(self, request: Request, reply: Reply, blocks: list[Block]) -> Metered:
        explicit = request.wire is Wire.MESSAGES
        lookup = self._cache.explicit if explicit else self._cache.automatic
        metered = lookup(request.model, blocks)
        if reply.usage is not None:
            return Metered(reply.usage)
        reasoning = count_tokens(reply.thinking)
        calls = ([c.name, dict(c.arguments)] for c in reply.tool_calls)
        said = count_tokens(reply.text) + sum(count_tokens(serialise(c)) for c in calls)
        usage = replace(metered.usage, completion=reasoning + said, reasoning=reasoning)
        return replace(metered, usage=usage)

    def _bill(self, request: Request, metered: Metered, complete: bool) -> None:
        prices = self._prices.get(request.model)
        usd = None if prices is None else price(metered, prices)
        self._charged.append(
            Charge(request.number, request.model, metered.usage, usd, complete)
        )


def read_body(raw: bytes) -> dict[str, Any]:
    """The request's JSON object, with a model named in it."""
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Malformed(f"could not parse the JSON body: {error}") from None
    if not isinstance(body, dict):
        raise Malformed("the body must be a JSON object")
    if not isinstance(body.get("model"), str):
        raise Malformed("you must provide a model parameter")
    return body


def _tool_name(tool: dict[str, Any]) -> str:
    """Chat completions nest a function; the other two do not."""
    function = tool.get("function")
    return str((function if isinstance(function, dict) else tool).get("name"))


def _without_key(headers: Mapping[str, str]) -> dict[str, str]:
    found = {name.lower(): value for name, value in headers.items()}
    for name in KEY_HEADERS & found.keys():
        found[name] = fingerprint(found[name].removeprefix("Bearer "))
    return found
