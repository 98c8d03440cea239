"""The two ways to carry a call's steps out: on a thread, and on an event loop."""

from __future__ import annotations

import asyncio
import time

from openhands.sdk.llm import LLMResponse

import openhands_tiered_router.sdk.forks  # noqa: F401  what it does at a fork
from openhands_tiered_router.calls.answer_size import bounded
from openhands_tiered_router.calls.deadline import Overdue
from openhands_tiered_router.calls.steps import Blocking, Pause, Reply, Step
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
        with bounded():
            return flow.checked(await deadline.arun(lambda: send(**arguments)))
    except Overdue:
        return flow.overdue(step)
    except Exception as error:
        return flow.scrubbed(step, error)
