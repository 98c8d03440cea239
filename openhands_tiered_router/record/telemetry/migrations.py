"""The versions of the telemetry file: what leads from each to the next.

A version that was released never changes. Functions of SQL that SQLite does not have,
such as ``packed``, are those of ``packing``.
"""

from __future__ import annotations

from typing import Final


def _key_of(column: str) -> str:
    return f"(SELECT key FROM names WHERE name = {column})"


def _name_of(column: str) -> str:
    return f"(SELECT name FROM names WHERE key = d.{column}) AS {column}"


def _level_of(column: str) -> str:
    tiers = "WHEN 'simple' THEN 0 WHEN 'medium' THEN 1 WHEN 'complex' THEN 2"
    return f"CASE {column} {tiers} WHEN 'reasoning' THEN 3 END"


def _tier_of(column: str) -> str:
    tiers = "WHEN 0 THEN 'simple' WHEN 1 THEN 'medium' WHEN 2 THEN 'complex'"
    return f"CASE d.{column} {tiers} WHEN 3 THEN 'reasoning' END AS {column}"


MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """
        CREATE TABLE conversations (
            key INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            parent_id TEXT
        )
        """,
        # Narrow, because reports scan it: what explains a decision stands apart,
        # and can be dropped earlier than the numbers.
        """
        CREATE TABLE decisions (
            key INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            conversation INTEGER REFERENCES conversations (key),
            turn INTEGER,
            purpose TEXT,
            time REAL,
            policy TEXT,
            tier TEXT,
            endpoint TEXT,
            model TEXT,
            need TEXT,
            floor TEXT,
            cap TEXT,
            pinned INTEGER,
            score REAL,
            p_mechanical REAL,
            propensity REAL,
            estimated_now REAL,
            estimated_return REAL,
            overhead_us REAL,
            answered INTEGER,
            served_tier TEXT,
            served_endpoint TEXT,
            served_model TEXT,
            prompt_tokens INTEGER,
            completion_tokens INTEGER,
            cache_read_tokens INTEGER,
            cache_write_tokens INTEGER,
            reasoning_tokens INTEGER,
            cost REAL,
            seconds REAL,
            first_token_seconds REAL,
            attempts TEXT,
            error_kind TEXT,
            response_id TEXT
        )
        """,
        """
        CREATE TABLE explanations (
            decision INTEGER PRIMARY KEY REFERENCES decisions (key),
            fallbacks TEXT NOT NULL,
            candidates TEXT NOT NULL,
            reasons TEXT NOT NULL,
            dimensions TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE tool_results (
            conversation INTEGER NOT NULL REFERENCES conversations (key),
            response_id TEXT NOT NULL,
            tool_call_id TEXT NOT NULL,
            tool_name TEXT NOT NULL,
            time REAL NOT NULL,
            status TEXT NOT NULL,
            action_kind TEXT,
            exit_code INTEGER,
            is_error INTEGER,
            failed INTEGER,
            seconds REAL,
            rework INTEGER,
            PRIMARY KEY (conversation, response_id, tool_call_id)
        ) WITHOUT ROWID
        """,
        "CREATE TABLE losses (time REAL, count INTEGER)",
        "CREATE INDEX decisions_by_conversation ON decisions (conversation, time)",
        "CREATE INDEX decisions_by_time ON decisions (time)",
        "CREATE INDEX decisions_by_tier ON decisions (tier, time)",
        "CREATE INDEX decisions_by_endpoint ON decisions (served_endpoint, time)",
    ),
    (
        """
        CREATE TABLE guard_events (
            key INTEGER PRIMARY KEY,
            conversation INTEGER NOT NULL REFERENCES conversations (key),
            time REAL NOT NULL,
            guard TEXT NOT NULL,
            kind TEXT NOT NULL,
            detail TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE verdicts (
            key INTEGER PRIMARY KEY,
            conversation INTEGER NOT NULL REFERENCES conversations (key),
            time REAL NOT NULL,
            judge TEXT NOT NULL,
            accepted INTEGER,
            reason TEXT NOT NULL,
            round INTEGER,
            tests INTEGER,
            failing INTEGER,
            already_failing INTEGER,
            seconds REAL
        )
        """,
        "CREATE INDEX guard_events_by_conversation"
        " ON guard_events (conversation, time)",
        "CREATE INDEX guard_events_by_guard ON guard_events (guard, time)",
        "CREATE INDEX verdicts_by_conversation ON verdicts (conversation, time)",
    ),
    (
        """
        CREATE TABLE situations (
            decision INTEGER PRIMARY KEY REFERENCES decisions (key),
            situation TEXT NOT NULL
        )
        """,
    ),
    (
        # Names once, and numbers for them: tiers, endpoints and models were half of
        # each row.
        "CREATE TABLE names (key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        """
        INSERT INTO names (key, name) VALUES (1, 'pending'), (2, 'done'),
            (3, 'invalid'), (4, 'rejected'), (5, 'blocked'), (6, 'cancelled')
        """,
        """
        CREATE TABLE tier_sets (
            key INTEGER PRIMARY KEY,
            endpoints TEXT NOT NULL UNIQUE
        )
        """,
        "ALTER TABLE conversations ADD COLUMN last REAL",
        "ALTER TABLE conversations ADD COLUMN stale INTEGER NOT NULL DEFAULT 1",
        "CREATE INDEX conversations_stale ON conversations (last) WHERE stale",
        # What is judged later has a value from the start that takes as many bytes: rows
        # that grow would split each page, and pages half empty are twice the file.
        """
        CREATE TABLE decision_rows (
            key INTEGER PRIMARY KEY,
            id BLOB NOT NULL UNIQUE,
            conversation INTEGER REFERENCES conversations (key),
            turn INTEGER,
            purpose INTEGER,
            time REAL,
            policy INTEGER,
            tier INTEGER,
            endpoint INTEGER,
            model INTEGER,
            need INTEGER,
            floor INTEGER,
            cap INTEGER,
            pinned INTEGER,
            score INTEGER,
            p_mechanical INTEGER,
            propensity REAL,
            estimated_now INTEGER,
            estimated_return INTEGER,
            weighed INTEGER,
            weighed_now INTEGER,
            weighed_return INTEGER,
            tier_set INTEGER REFERENCES tier_sets (key),
            overhead_us INTEGER,
            answered INTEGER,
            served_tier INTEGER,
            served_endpoint INTEGER,
            served_model INTEGER,
            prompt_tokens INTEGER,
            completion_tokens INTEGER,
            cache_read_tokens INTEGER,
            cache_write_tokens INTEGER,
            reasoning_tokens INTEGER,
            cost REAL,
            seconds INTEGER,
            first_token_seconds INTEGER,
            attempts TEXT,
            error_kind INTEGER,
            response,
            hard INTEGER,
            moved INTEGER,
            quality INTEGER DEFAULT -1,
            judged INTEGER DEFAULT -129
        )
        """,
        """
        CREATE TABLE tool_rows (
            conversation INTEGER NOT NULL REFERENCES conversations (key),
            response NOT NULL,
            call NOT NULL,
            tool_name INTEGER NOT NULL,
            time REAL NOT NULL,
            status INTEGER NOT NULL,
            action_kind INTEGER,
            exit_code INTEGER,
            is_error INTEGER,
            failed INTEGER,
            seconds INTEGER,
            target INTEGER,
            failure INTEGER,
            PRIMARY KEY (conversation, response, call)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE tasks (
            key INTEGER PRIMARY KEY,
            conversation INTEGER NOT NULL REFERENCES conversations (key),
            body BLOB NOT NULL
        )
        """,
        """
        CREATE TABLE explanation_rows (
            decision INTEGER PRIMARY KEY REFERENCES decision_rows (key),
            task INTEGER REFERENCES tasks (key),
            body BLOB NOT NULL
        )
        """,
        """
        UPDATE conversations SET last =
            (SELECT max(time) FROM decisions WHERE conversation = key)
        """,
        """
        INSERT OR IGNORE INTO names (name)
        SELECT purpose FROM decisions WHERE purpose IS NOT NULL
        UNION SELECT policy FROM decisions WHERE policy IS NOT NULL
        UNION SELECT endpoint FROM decisions WHERE endpoint IS NOT NULL
        UNION SELECT model FROM decisions WHERE model IS NOT NULL
        UNION SELECT served_endpoint FROM decisions WHERE served_endpoint IS NOT NULL
        UNION SELECT served_model FROM decisions WHERE served_model IS NOT NULL
        UNION SELECT error_kind FROM decisions WHERE error_kind IS NOT NULL
        UNION SELECT tool_name FROM tool_results
        UNION SELECT action_kind FROM tool_results WHERE action_kind IS NOT NULL
        """,
        f"""
        INSERT INTO decision_rows
        SELECT d.key, own_id(d.id), d.conversation, d.turn, {_key_of("d.purpose")},
            d.time, {_key_of("d.policy")}, {_level_of("d.tier")},
            {_key_of("d.endpoint")}, {_key_of("d.model")}, {_level_of("d.need")},
            {_level_of("d.floor")}, {_level_of("d.cap")}, d.pinned,
            millionths(d.score), millionths(d.p_mechanical), d.propensity,
            billionths(d.estimated_now), billionths(d.estimated_return),
            NULL, NULL, NULL, NULL, CAST(round(d.overhead_us) AS INTEGER),
            d.answered, {_level_of("d.served_tier")},
            {_key_of("d.served_endpoint")}, {_key_of("d.served_model")},
            d.prompt_tokens, d.completion_tokens, d.cache_read_tokens,
            d.cache_write_tokens, d.reasoning_tokens, d.cost,
            millionths(d.seconds), millionths(d.first_token_seconds), d.attempts,
            {_key_of("d.error_kind")}, foreign_id(d.response_id),
            NULL, NULL, -1, -129
        FROM decisions d ORDER BY d.key
        """,
        f"""
        INSERT OR IGNORE INTO tool_rows
        SELECT t.conversation, foreign_id(t.response_id), foreign_id(t.tool_call_id),
            {_key_of("t.tool_name")}, t.time, {_key_of("t.status")},
            {_key_of("t.action_kind")}, t.exit_code, t.is_error, t.failed,
            millionths(t.seconds), NULL, NULL
        FROM tool_results t
        """,
        """
        INSERT INTO explanation_rows
        SELECT decision, NULL, packed('[' || fallbacks || ',' || candidates || ','
            || reasons || ',' || dimensions || ']')
        FROM explanations
        """,
        # The reference of the situations is to the table that goes.
        "CREATE TABLE kept_situations AS SELECT decision, situation FROM situations",
        "DROP TABLE situations",
        "DROP TABLE explanations",
        "DROP TABLE tool_results",
        "DROP TABLE decisions",
        """
        CREATE TABLE situations (
            decision INTEGER PRIMARY KEY REFERENCES decision_rows (key),
            situation TEXT NOT NULL
        )
        """,
        "INSERT INTO situations SELECT decision, situation FROM kept_situations",
        "DROP TABLE kept_situations",
        "CREATE INDEX decisions_by_conversation ON decision_rows (conversation, time)",
        "CREATE INDEX decisions_by_time ON decision_rows (time)",
        "CREATE INDEX tasks_by_conversation ON tasks (conversation)",
        f"""
        CREATE VIEW decisions AS SELECT
            d.key,
            iif(typeof(d.id) = 'blob', lower(
                substr(hex(d.id), 1, 8) || '-' || substr(hex(d.id), 9, 4) || '-' ||
                substr(hex(d.id), 13, 4) || '-' || substr(hex(d.id), 17, 4) || '-' ||
                substr(hex(d.id), 21)), d.id) AS id,
            d.conversation, d.turn, {_name_of("purpose")}, d.time,
            {_name_of("policy")}, {_tier_of("tier")}, d.tier AS tier_level,
            {_name_of("endpoint")}, {_name_of("model")}, {_tier_of("need")},
            {_tier_of("floor")}, {_tier_of("cap")}, d.pinned,
            d.score / 1e6 AS score, d.p_mechanical / 1e6 AS p_mechanical,
            d.propensity, d.estimated_now / 1e9 AS estimated_now,
            d.estimated_return / 1e9 AS estimated_return, {_name_of("weighed")},
            d.weighed_now / 1e9 AS weighed_now,
            d.weighed_return / 1e9 AS weighed_return, d.tier_set, d.overhead_us,
            d.answered, {_tier_of("served_tier")}, d.served_tier AS served_level,
            {_name_of("served_endpoint")}, {_name_of("served_model")},
            d.prompt_tokens, d.completion_tokens, d.cache_read_tokens,
            d.cache_write_tokens, d.reasoning_tokens, d.cost,
            d.seconds / 1e6 AS seconds,
            d.first_token_seconds / 1e6 AS first_token_seconds, d.attempts,
            {_name_of("error_kind")}, d.response, d.hard, d.moved,
            nullif(d.quality, -1) AS quality,
            CASE iif(d.judged < 0, 0, d.judged & 3) WHEN 1 THEN 'right'
                WHEN 2 THEN 'over' WHEN 3 THEN 'under' END AS provision,
            iif(d.judged < 0, NULL, d.judged >> 2) AS quality_reasons
        FROM decision_rows d
        """,
        f"""
        CREATE VIEW tool_results AS SELECT
            d.conversation, d.response, d.call, {_name_of("tool_name")}, d.time,
            {_name_of("status")}, {_name_of("action_kind")}, d.exit_code, d.is_error,
            d.failed, d.seconds / 1e6 AS seconds, d.target, d.failure
        FROM tool_rows d
        """,
    ),
    (
        # What reports need of a conversation that is not stale, added up. Whoever
        # changes what is in a digest makes all conversations stale again. Appended in
        # the order of judging, for by key, the latest first, pages stay half empty.
        """
        CREATE TABLE digests (
            conversation INTEGER NOT NULL UNIQUE REFERENCES conversations (key),
            first REAL,
            last REAL,
            body BLOB NOT NULL
        )
        """,
        "UPDATE conversations SET stale = 1",
    ),
    (
        """
        CREATE TABLE texts (
            decision INTEGER PRIMARY KEY REFERENCES decision_rows (key),
            request TEXT,
            answer TEXT
        )
        """,
    ),
)
"""One entry a version: the statements that lead from the version before to it."""
