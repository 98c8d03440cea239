from __future__ import annotations

from pathlib import Path

import pytest
from openhands.sdk.llm import LLM, LLMProfileStore
from pydantic import SecretStr

from openhands_tiered_router.config.profiles import profile_dir, read_profile


def test_a_profile_that_the_sdk_saved_is_read(tmp_path: Path) -> None:
    llm = LLM(
        model="openai/x",
        base_url="http://localhost:1",
        api_key=SecretStr("sk-secret"),
        max_input_tokens=100_000,
        usage_id="u",
    )
    directory = profile_dir({"OH_PERSISTENCE_DIR": str(tmp_path)})
    LLMProfileStore(directory).save("mine", llm, include_secrets=True)
    fields = read_profile("mine", directory)
    assert fields["model"] == "openai/x"
    assert fields["base_url"] == "http://localhost:1"
    assert fields["max_input_tokens"] == 100_000
    assert "sk-secret" not in str(fields)


def test_profiles_are_kept_in_the_home_directory() -> None:
    assert profile_dir({}) == Path.home() / ".openhands" / "profiles"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist in .*; the profiles are other"),
        ("{", "cannot be read"),
        ("[]", "names no model"),
        ('{"model": 1}', "names no model"),
    ],
)
def test_a_profile_that_is_no_use_is_told(
    tmp_path: Path, content: str | None, message: str
) -> None:
    (tmp_path / "other.json").write_text('{"model": "a/b"}')
    if content is not None:
        (tmp_path / "mine.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_profile("mine", tmp_path)
