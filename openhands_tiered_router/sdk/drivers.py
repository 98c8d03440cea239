"""The two ways to carry a call's steps out: on a thread, and on an event loop."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any, Final

import litellm
from litellm.litellm_core_utils import thread_pool_executor
from openhands.sdk.llm import LLM, LLMResponse

import openhands_tiered_router.sdk.drivers  # noqa: F401  what it does at a fork
from openhands_tiered_router.calls.answer_size import abounded, bounded
from openhands_tiered_router.calls.deadline import Overdue
from openhands_tiered_router.calls.steps import Blocking, Pause, Reply, Step
from openhands_tiered_router.sdk.books import renew_lock
from openhands_tiered_router.sdk.flow import CallFlow


def drive(flow: CallFlow) -> LLMResponse:
    """The answer to a call.

    Raises:
        Exception: The SDK's own errors; see ``calls.failover``.
    """
    steps = flow.steps()
    try:
        step = next(steps)
        while True:
            step = steps.send(_carry_out(flow, step))
    except StopIteration as done:
        return done.value
    finally:
        steps.close()


async def adrive(flow: CallFlow) -> LLMResponse:
    """Async twin of ``drive``."""
    steps = flow.steps()
    try:
        step = next(steps)
        while True:
            step = steps.send(await _acarry_out(flow, step))
    except StopIteration as done:
        return done.value
    finally:
        steps.close()


def _carry_out(flow: CallFlow, step: Step) -> Reply:
    try:
        if isinstance(step, Pause):
            return time.sleep(step.seconds)
        if isinstance(step, Blocking):
            return step.work()
        send = getattr(flow.llms[step.endpoint], flow.arguments.api)
        arguments, deadline = flow.call_kwargs(step), flow.deadline(step)
        with bounded():
            return flow.checked(deadline.run(lambda: send(**arguments)))
    except Overdue:
        return flow.overdue(step)
    except Exception as error:
        return flow.scrubbed(step, error)


async def _acarry_out(flow: CallFlow, step: Step) -> Reply:
    try:
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        if isinstance(step, Blocking):
            return await asyncio.to_thread(step.work)
        send = getattr(flow.llms[step.endpoint], f"a{flow.arguments.api}")
        arguments, deadline = flow.call_kwargs(step), flow.deadline(step)
        async with abounded():
            return flow.checked(await deadline.arun(lambda: send(**arguments)))
    except Overdue:
        return flow.overdue(step)
    except Exception as error:
        return flow.scrubbed(step, error)


_abandoned: Final[list[Any]] = []
"""The parent's clients: closed by nobody, since that would end its connections."""


def _after_fork() -> None:
    renew_lock()
    _renew_clients()
    _renew_executor()
    if hasattr(LLM, "_runtime_metadata_lock"):
        LLM._runtime_metadata_lock = threading.Lock()


def _renew_clients() -> None:
    known = vars(litellm)
    cache = known.get("in_memory_llm_clients_cache")
    if cache is not None:
        _abandoned.append(cache)
        closer: Any = getattr(cache, "evicted_client_closer", None)
        if hasattr(closer, "_queue_lock"):
            closer._queue_lock = threading.Lock()
        litellm.in_memory_llm_clients_cache = type(cache)()
    # Made at their first use, for providers that share them.
    for name in ("module_level_client", "module_level_aclient"):
        if name in known:
            _abandoned.append(known[name])
            delattr(litellm, name)


def _renew_executor() -> None:
    """litellm's pool for what follows an answer: its threads are the parent's. Several
    modules of litellm hold the one object, so it is that which begins afresh."""
    executor = thread_pool_executor.executor
    most = [getattr(executor, "_max_pending_tasks", None)]
    executor.__init__(executor._max_workers, *(n for n in most if n is not None))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
