"""What was decided, what it cost, and what came of it, recorded in one file.

``recorder`` is what the router calls, ``outcomes`` watches a conversation's events,
``query`` reads. In between, ``writer`` takes records to the file from a thread of its
own; docs/telemetry.md describes the file.
"""
