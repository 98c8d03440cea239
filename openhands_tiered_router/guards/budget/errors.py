"""The SDK's error of a call that a budget does not allow."""

from __future__ import annotations

from openhands.sdk.llm.exceptions import LLMError


class MaxBudgetReached(LLMError):
    """The call was not sent; the message says what was spent and how to go on.

    It has the name of the SDK's own code for its run budget, so that clients show it
    as such. The conversation is as it was before the call: ``run()`` asks again.
    """
