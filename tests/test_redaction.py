"""A secret never survives redaction, and ordinary code and prose do."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import assume, given, settings, strategies as st

from openhands_tiered_router import redaction
from openhands_tiered_router.redaction import REDACTED, redacted


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
