"""A secret never survives redaction, and ordinary code and prose do."""

from __future__ import annotations

import os
import string
from pathlib import Path

import pytest
from hypothesis import assume, given, settings, strategies as st

from openhands_tiered_router import redaction
from openhands_tiered_router.redaction import (
    HIDDEN,
    REDACTED,
    is_secret_name,
    redacted,
    shown,
)
from openhands_tiered_router.resolver.hidden import hidden


ANY = st.text(max_size=60)
LETTERS = string.ascii_letters
WORD = LETTERS + string.digits


def body(alphabet: str = WORD, least: int = 22, most: int = 48) -> st.SearchStrategy:
    return st.text(alphabet, min_size=least, max_size=most)


PREFIXES = (
    *("sk-ant-api03-", "sk-proj-", "sk-or-v1-", "sk_live_", "rk_test_", "whsec_"),
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"),
    *("xoxb-", "xoxp-", "xapp-", "AIza", "ya29.", "hf_", "gsk_", "xai-", "npm_"),
    *("r8_", "nvapi-", "tvly-", "pypi-AgE", "dop_v1_", "hvs.", "pplx-"),
)
KEYS = st.one_of(
    st.tuples(st.sampled_from(PREFIXES), body()).map("".join),
    body(least=20).map("sk-1".__add__),
    body(string.ascii_uppercase + string.digits, 16, 16).map("AKIA".__add__),
    st.tuples(body(), body(), body()).map(lambda p: "eyJ" + ".".join(p)),
)
EMAILS = st.tuples(
    st.text(WORD + "._%+-", min_size=1, max_size=20),
    st.text(string.ascii_lowercase, min_size=1, max_size=10),
    st.sampled_from(["org", "com", "co.uk", "dev"]),
).map("{0[0]}@{0[1]}.{0[2]}".format)
PEMS = st.tuples(
    st.sampled_from(["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "]),
    body(WORD + "+/=\n", 40, 200),
).map(
    "-----BEGIN {0[0]}PRIVATE KEY-----\n{0[1]}\n-----END {0[0]}PRIVATE KEY-----".format
)
PASSWORDS = st.text(WORD + "!#%*+-.:=?@^_~", min_size=6, max_size=30).filter(
    lambda p: any(c.isdigit() for c in p) and not p.startswith(("-", "="))
)


@given(ANY, st.one_of(KEYS, EMAILS, PEMS), ANY)
@settings(max_examples=200)
def test_what_has_a_known_form_never_survives_anywhere(
    before: str, secret: str, after: str
) -> None:
    assert secret not in redacted(before + secret + after)


@pytest.mark.parametrize(
    "form",
    [
        "password={}",
        "DB_PASSWORD={}",
        "export API_TOKEN={}",
        "password: {}",
        "client_secret = {}",
        'api_key = "{}"',
        "x['token'] = '{}'",
        '{{"access_key": "{}", "n": 1}}',
        r"{{\"password\": \"{}\"}}",
        r"{{\\\"password\\\": \\\"{}\\\"}}",
        'password = """{}"""',
        r'password="\"{}\""',
        "https://example.org/?access_token={}&page=2",
        "postgres://user:{}@db.example.org:5432/shop",
        "Authorization: {}",
        "curl -H 'Authorization: Basic {}' https://example.org",
        'headers["Authorization"] = "Basic {}"',
        'headers["Cookie"] = "session={}"',
        r"{{\\\"Authorization\\\": \\\"Basic {}\\\"}}",
        "tool --password {} --verbose",
    ],
)
@given(ANY, PASSWORDS, ANY)
@settings(max_examples=20)
def test_what_is_assigned_to_a_secret_name_never_survives(
    form: str, before: str, value: str, after: str
) -> None:
    assume(value not in before + after)
    text = f"{before}\n{form.format(value)}\n{after}"
    assert value not in redacted(text)


@given(ANY, st.text(min_size=4).filter(lambda s: not set(s) & set("[redacted]")), ANY)
def test_a_secret_that_is_named_never_survives(
    before: str, secret: str, after: str
) -> None:
    for spelled in redaction.spellings(secret):
        text = before + spelled + after
        assert secret not in redacted(text, redaction.spellings(secret))
        assert spelled not in redacted(text, redaction.spellings(secret))


def test_what_follows_bearer_goes_if_it_is_no_word() -> None:
    assert redacted("Bearer abcdefghijklmnopqrst") == f"Bearer {REDACTED}"
    assert redacted("bearer abcdef-123") == f"bearer {REDACTED}"
    assert redacted("the bearer certificate") == "the bearer certificate"


def test_of_secrets_within_secrets_nothing_is_left() -> None:
    assert redacted("a hunter2hunter3 b", ["hunter2", "hunter2hunter3"]) == (
        f"a {REDACTED} b"
    )


def test_random_values_of_variables_go_and_others_stay() -> None:
    text = "DSN=aB3dE5fG7hI9jK1l\nSHA=9f86d081884c7d659a2feaa0c55ad015\n"
    assert redacted(text) == f"DSN={REDACTED}\nSHA={REDACTED}\n"
    text = "MODEL=claude-sonnet-4-5-20250929\nPYTHONPATH=/home/jane/Project2/src\n"
    assert redacted(text) == text


@pytest.mark.parametrize(
    "harmless",
    [
        "def check(token: str, password: str | None = None) -> bool:",
        "token = next_token(stream)",
        "client = Client(token=token, password=self.password, api_key=get_key())",
        'if token == "x" and password is not None:',
        'key = os.environ["API_KEY"]',
        "max_tokens: 4096, tokens=128000",
        "git checkout task-1234-fix-the-tokens-of-the-parser",
        "http://127.0.0.1:8080/v1/@scope/package",
        "@pytest.mark.parametrize",
        "y = x @ w.T",
        "hf_hub_download(repo) # sk_learn, risk-averse-strategies",
        "The secret to a good test: it can fail. Keep the password in a safe place.",
        "from 3f2a1b9c to 7d4e5f6a, 12 files changed",
    ],
)
def test_ordinary_code_and_prose_stay(harmless: str) -> None:
    assert redacted(harmless) == harmless


def test_of_a_whole_package_few_lines_change() -> None:
    files = Path(redaction.__file__).parent.rglob("*.py")
    lines = [line for f in files for line in f.read_text("utf-8").split("\n")]
    changed = [line for line in lines if redacted(line) != line]
    assert len(lines) > 20_000
    assert len(changed) < len(lines) / 2_000


SECRET_NAMES = (
    *("DB_PASS", "GITHUB_PAT", "NPM_AUTH", "DB_PWD", "PASSPHRASE", "GITHUB_TOKEN"),
    *("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "DEPLOY_KEY"),
    *("CREDENTIALS", "SSH_ASKPASS", "SESSION_COOKIE", "PASSWORD", "HTTP_BEARER", "KEY"),
)
PLAIN_NAMES = (
    *("PATH", "PWD", "HOME", "KEYBOARD", "TOKENIZERS", "MAX_TOKENS", "COST_PER_TOKEN"),
    *(
        "PUBLIC_KEY",
        "CACHE_KEY",
        "BYPASS",
        "AUTHOR",
        "COMPASS",
        "TOKEN_COUNT",
        "OLDPWD",
    ),
)
WORDS = st.lists(
    st.sampled_from(
        [
            "DB",
            "MY",
            "APP",
            "TOKEN",
            "PASS",
            "PWD",
            "KEY",
            "API",
            "AUTH",
            "PAT",
            "SECRET",
            "COUNT",
            "PER",
            "PUBLIC",
            "ID",
        ]
    ),
    min_size=1,
    max_size=4,
).map("_".join)


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_secret_is_one_everywhere(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In logs, in settings, in the environment of an agent's commands."""
    value = "correct-horse-battery"
    assert value not in redacted(f"{name}={value}")
    assert value not in redacted(f'export {name}="{value}" # local')
    assert shown(value, name) == shown(value, name.lower()) or name == "KEY"
    assert shown(value, name) == HIDDEN
    monkeypatch.setenv(name, value)
    with hidden():
        assert name not in os.environ


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_a_plain_name_is_one_everywhere(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert redacted(f"{name}=correct-horse") == f"{name}=correct-horse"
    assert shown("correct-horse", name) == repr("correct-horse")
    monkeypatch.setenv(name, "correct-horse")
    with hidden():
        assert name in os.environ


@given(WORDS, PASSWORDS)
def test_text_and_names_agree_on_every_variable(name: str, value: str) -> None:
    assume(value not in name and not redaction.looks_secret(value))
    if is_secret_name(name):
        assert value not in redacted(f"{name}={value}")


@given(st.text(max_size=200))
def test_redaction_is_idempotent_and_total(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize("spelling", ["clientSecret", "client-secret", "CLIENT_SECRET"])
def test_any_spelling_of_a_name_counts(spelling: str) -> None:
    assert is_secret_name(spelling)


@pytest.mark.parametrize(
    "value",
    [
        "sk-ant-api03-Zm9vYmFy",
        "sk_live_1",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9",
        "Bearer abc",
        "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
        "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
        "https://user:pass@example.org",
        "the key is 9f8e7d6c5b4a39281706",
    ],
)
def test_what_may_be_a_secret_is_hidden(value: str) -> None:
    assert shown(value, "model") == HIDDEN


@pytest.mark.parametrize(
    "value",
    [
        "anthropic/claude-opus-4-5-20251101",
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "input_cost_per_token_above_200k_tokens",
        "http://localhost:11434",
        "skip",
        -1,
        0.25,
        True,
        None,
    ],
)
def test_names_and_numbers_are_shown(value: object) -> None:
    assert shown(value, "model") == repr(value)


@pytest.mark.parametrize("value", [12345678, "short", "hunter2"])
def test_any_value_of_a_secret_key_is_hidden(value: object) -> None:
    assert shown(value, "api_key") == HIDDEN


def test_long_values_are_cut_and_tables_not_shown() -> None:
    assert len(shown("word " * 100)) == 60
    assert shown({"api_key": "x"}) == "a table"
    assert shown([1]) == "a list"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("api_key", True),
        ("aws_secret_access_key", True),
        ("Authorization", True),
        ("x-api-key", True),
        ("api_key_env", False),
        ("input_cost_per_token", False),
        ("max_input_tokens", False),
    ],
)
def test_names_of_secrets(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret
