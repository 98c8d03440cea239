"""What is told of a configuration in a second, without the SDK."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from openhands_tiered_router.config import ConfigError, parse_config, reach


ANSWERS = {
    "/api/tags": {"models": [{"name": "qwen3:8b"}, {"name": "b"}]},
    "/v1/models": {"data": [{"id": "served"}]},
    "/empty": {"data": []},
    "/odd": ["no", "models"],
}


class Listing(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(ANSWERS[self.path]).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Listing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def nowhere() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize(
    ("path", "models"),
    [
        ("/api/tags", ("qwen3:8b", "b")),
        ("/v1/models", ("served",)),
        ("/empty", None),
        ("/odd", None),
    ],
)
def test_a_local_server_is_known_by_its_models(
    address: str, path: str, models: tuple[str, ...] | None
) -> None:
    found = reach._local_server("Some", address, path, "some")
    assert (found.models if found else None) == models


def test_no_server_is_no_error(nowhere: str) -> None:
    assert reach._local_server("Some", nowhere, "/api/tags", "some") is None
    assert reach.fault_of(nowhere) == "Connection refused"


def config(*addresses: str):
    endpoints = [{"model": "openai/gpt-4o", "base_url": url} for url in addresses]
    return parse_config({"tiers": {"complex": {"endpoints": endpoints}}}, "c.toml")


def test_one_provider_that_answers_is_enough(address: str, nowhere: str) -> None:
    reach.check_network(config(address, nowhere), {})
    with pytest.raises(ConfigError, match="cannot be reached: Connection refused"):
        reach.check_network(config(nowhere), {})


def test_nothing_is_tried_behind_a_proxy(nowhere: str) -> None:
    reach.check_network(config(nowhere), {"HTTPS_PROXY": "http://proxy:1"})


def test_a_missing_variable_is_told_once_with_all_that_need_it() -> None:
    tiers = {"simple": "anthropic/claude-haiku-5-5", "complex": "openai/gpt-4o"}
    tiers["reasoning"] = "anthropic/claude-opus-5-5"
    with pytest.raises(ConfigError) as caught:
        reach.check_keys(
            parse_config({"tiers": tiers}, "c.toml"), {"OPENAI_API_KEY": "k"}
        )
    (problem,) = caught.value.problems
    assert problem.path == "simple, reasoning"
    assert problem.message == "the environment variable ANTHROPIC_API_KEY is not set"


def test_a_provider_is_looked_for_where_its_variable_says(
    address: str, nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """litellm calls a company's own gateway by it; the public address may be closed."""
    monkeypatch.setattr(reach, "HOSTS", {"anthropic": nowhere})
    found = parse_config({"tiers": {"complex": "anthropic/claude-opus-5-5"}}, "here")
    with pytest.raises(ConfigError, match="cannot be reached"):
        reach.check_network(found, {})
    reach.check_network(found, {"ANTHROPIC_API_BASE": address})
    reach.check_network(found, {"ANTHROPIC_BASE_URL": address})


class Keyed(http.server.BaseHTTPRequestHandler):
    """A provider's list of models, for those who have the key."""

    def do_GET(self) -> None:
        given = self.headers.get("x-api-key") or self.headers.get("Authorization")
        known = self.path == "/v1/models" and given in ("good", "Bearer good")
        self.send_response(200 if known else 401)
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        given = self.headers.get("x-api-key") or self.headers.get("Authorization")
        known = given in ("good", "Bearer good", "Bearer calls-only")
        self.send_response(400 if known else 401)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def keyed() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keyed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_a_wrong_key_is_told_before_the_sdk_is_loaded(
    provider: str, keyed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "HOSTS", {"anthropic": keyed, "openai": keyed})
    models = {"anthropic": "anthropic/claude-opus-5-5", "openai": "openai/gpt-4o"}
    found = parse_config({"tiers": {"complex": models[provider]}}, "here")
    variable = f"{provider.upper()}_API_KEY"
    reach.check_network(found, {variable: "good"})
    with pytest.raises(ConfigError) as caught:
        reach.check_network(found, {variable: "sk-wrong"})
    assert str(caught.value) == (
        f"{variable}: {keyed} rejects the key. Put a valid key of {provider} into "
        f"{variable}"
    )
    both = parse_config({"tiers": models_in_two_tiers(models)}, "here")
    keys = {"ANTHROPIC_API_KEY": "good", "OPENAI_API_KEY": "sk-wrong"}
    reach.check_network(both, keys)  # the other provider serves


@pytest.mark.parametrize(
    ("model", "path"), [("openai/gpt-4o", "/v1"), ("anthropic/claude-opus-5-5", "")]
)
def test_a_wrong_key_is_found_at_an_address_of_the_users(
    model: str, path: str, keyed: str
) -> None:
    endpoint = {"model": model, "base_url": keyed + path, "api_key_env": "MINE"}

    def check(key: str, **more: object) -> None:
        tiers = {"complex": {"endpoints": [{**endpoint, **more}]}}
        reach.check_network(parse_config({"tiers": tiers}, "here"), {"MINE": key})

    check("good")
    with pytest.raises(ConfigError) as caught:
        check("sk-wrong")
    assert str(caught.value) == (
        f"MINE: {keyed}{path} rejects the key. Put the key for that address into MINE"
    )
    check("sk-wrong", extra_headers={"X-Auth": "good"})  # who knows what counts there


def test_a_key_that_may_call_and_not_list_is_no_fault(keyed: str) -> None:
    endpoint = {"model": "openai/gpt-4o", "base_url": f"{keyed}/v1"}
    tiers = {"complex": {"endpoints": [endpoint | {"api_key": "calls-only"}]}}
    reach.check_network(parse_config({"tiers": tiers}, "here"), {})


def test_a_provider_that_is_slow_to_list_its_models_is_no_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reach, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(reach, "HOSTS", {"anthropic": address})
        tiers = {"complex": "anthropic/claude-opus-5-5"}
        reach.check_network(
            parse_config({"tiers": tiers}, "here"), {"ANTHROPIC_API_KEY": "k"}
        )


def test_the_key_goes_nowhere_else(keyed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A redirection ends there: the other side would reject the key, and say so."""

    class Elsewhere(Keyed):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{keyed}/v1/models")
            self.end_headers()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(reach, "HOSTS", {"anthropic": address})
        tiers = {"complex": "anthropic/claude-opus-5-5"}
        found = parse_config({"tiers": tiers}, "here")
        reach.check_network(found, {"ANTHROPIC_API_KEY": "sk-wrong"})
        server.shutdown()


def models_in_two_tiers(models: dict[str, str]) -> dict[str, str]:
    return {"simple": models["openai"], "complex": models["anthropic"]}
