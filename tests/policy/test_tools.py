"""Tools are known by what they do, whichever agent they belong to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.actions import action_of
from openhands_tiered_router.policy.entry import Entry, ToolCall, arguments_of
from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.policy.tools import (
    CODE,
    EDITOR,
    KNOWN,
    MAKER,
    PATCH,
    SHELL,
    ToolFacts,
    facts_of,
    judged,
    kind_of,
)


NAMES = [n for rows in KNOWN.values() for names in rows.values() for n in names.split()]
PATCH_NEW = "*** Begin Patch\n*** Add File: repro.py\n+print(1)\n*** End Patch"
PATCH_OLD = "*** Begin Patch\n*** Update File: src/a.py\n-1\n+2\n*** End Patch"


def test_each_row_names_what_the_engine_knows_and_no_name_means_two_things() -> None:
    ways = {SHELL, EDITOR, MAKER, PATCH, CODE, *map(str, ActionKind)}
    means: dict[str, set[str]] = {}
    for rows in KNOWN.values():
        assert rows.keys() <= ways
        for does, names in rows.items():
            for name in names.split():
                assert name == name.lower()
                means.setdefault(name, set()).add(does)
    assert {n: d for n, d in means.items() if len(d) > 1} == {}
    assert len(means) > 100


@pytest.mark.parametrize(
    ("tool", "arguments", "kind"),
    [
        ("execute_bash", {"command": "grep -rn x src"}, "search"),
        ("terminal", {"command": "python repro.py"}, "run"),
        ("shell", {"command": ["bash", "-lc", "rg foo src"]}, "search"),
        ("local_shell", {"action": {"type": "exec", "command": ["ls"]}}, "list"),
        ("exec_command", {"cmd": "sed -n 1,9p a.py"}, "read"),
        ("Bash", {"command": "git status"}, "git"),
        ("bash", {"command": "search_dir foo"}, "search"),
        ("bash", {"command": "open a.py 12"}, "read"),
        ("bash", {"command": "str_replace_editor view /w/a.py"}, "read"),
        ("bash", {"command": "str_replace_editor insert /w/a.py"}, "edit"),
        (
            "bash",
            {"command": "str_replace_editor create /w/a.py --file_text x"},
            "script",
        ),
        ("str_replace_editor", {"command": "view", "path": "/w/a.py"}, "read"),
        ("str_replace_based_edit_tool", {"command": "insert", "path": "a"}, "edit"),
        ("file_editor", {"command": "undo_edit", "path": "/w/a.py"}, "edit"),
        ("invoke_skill", {"name": "x"}, "read"),
        ("Read", {"file_path": "/w/a.py"}, "read"),
        ("Edit", {"file_path": "/w/a.py", "old_string": "a"}, "edit"),
        ("Write", {"file_path": "repro.py", "content": ""}, "script"),
        ("TodoWrite", {"todos": []}, "plan"),
        ("Task", {"prompt": "x"}, "delegate"),
        ("apply_patch", {"input": PATCH_NEW}, "script"),
        ("apply_patch", {"patch": PATCH_OLD}, "edit"),
        ("find_and_replace_code", {"file_path": "a", "find": "b"}, "edit"),
        ("inspect_code", {"file_path": "a.py"}, "read"),
        ("write_to_file", {"path": "notes.md", "content": ""}, "script"),
        ("replace_in_file", {"path": "src/a.py", "diff": ""}, "edit"),
        ("attempt_completion", {"result": "x"}, "finish"),
        ("run_shell_command", {"command": "pytest -q"}, "test"),
        ("bash", {"command": "cd core && ./mvnw -q test -Dtest=X"}, "test"),
        ("exec", {"command": "ls -l"}, "list"),
        ("bash", {"command": "./gradlew :core:integrationTest"}, "test"),
        ("bash", {"command": "mvn package -DskipTests"}, "shell"),
        ("bash", {"command": "cd core && ./mvnw -q package"}, "shell"),
        ("bash", {"command": "make -j2"}, "shell"),
        ("bash", {"command": "make check"}, "test"),
        ("bash", {"command": "npm run build"}, "shell"),
        ("bash", {"command": "npm ci"}, "install"),
        ("bash", {"command": "bash tests/1.2.sh"}, "test"),
        ("bash", {"command": "./run_tests.sh -v"}, "test"),
        ("bash", {"command": "bash setup.sh tests"}, "run"),
        ("bash", {"command": "./node_modules/.bin/mocha lib"}, "test"),
        ("bash", {"command": "uv run python repro.py"}, "run"),
        ("search_file_content", {"pattern": "x"}, "search"),
        ("mcp__filesystem__read_file", {"path": "/w/a"}, "read"),
        ("functions.shell", {"command": ["ls"]}, "list"),
    ],
)
def test_known_tools(tool: str, arguments: dict[str, Any], kind: str) -> None:
    assert kind_of(tool, arguments) == kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ('const r = await tools.exec_command({cmd: "rg foo src"});', "search"),
        (
            """await Promise.all([tools.exec_command({"workdir":"/w",
            "cmd":"sed -n '1,9p' \\"a b.py\\""}), tools.exec_command({cmd:'tox'})])""",
            "test",
        ),
        (f"await tools.apply_patch({json.dumps(PATCH_OLD)})", "edit"),
        (f"await tools.apply_patch({json.dumps(PATCH_NEW)})", "script"),
        ("await tools.update_plan({plan: []})", "plan"),
        ("text(1 + 1)", "snippet"),
    ],
)
def test_code_that_calls_tools_is_what_it_calls(code: str, kind: str) -> None:
    assert kind_of("functions.exec", arguments_of(code)) == kind


@pytest.mark.parametrize(
    ("facts", "arguments", "kind"),
    [
        (ToolFacts("frobnicate", read_only=True), {}, "read"),
        (ToolFacts("search_docs", read_only=True), {}, "search"),
        (ToolFacts("get_lock", read_only=False, destructive=True), {}, "edit"),
        (ToolFacts("mcp__github__list_issues"), {}, "list"),
        (ToolFacts("createPullRequest"), {}, "script"),
        (ToolFacts("x"), {"old_string": "a", "new_string": "b"}, "edit"),
        (ToolFacts("x"), {"command": "ls"}, "list"),
        (ToolFacts("x"), {"query": "a"}, "search"),
        (ToolFacts("x"), {"url": "http://a"}, "browse"),
        (ToolFacts("x", parameters=frozenset({"path"})), {}, "read"),
        (ToolFacts("frobnicate"), {}, "other"),
    ],
)
def test_unknown_tools_are_judged_by_hints_name_and_parameters(
    facts: ToolFacts, arguments: dict[str, Any], kind: str
) -> None:
    assert judged(facts.name, arguments, facts) == kind


def test_definitions_of_all_forms_declare_the_same() -> None:
    schema = {"type": "object", "properties": {"path": {}}}
    hints = {"readOnlyHint": True, "destructiveHint": False}
    forms = [
        {"name": "peek", "inputSchema": schema, "annotations": hints},
        {"name": "peek", "input_schema": schema, "annotations": hints},
        {
            "type": "function",
            "function": {"name": "peek", "parameters": schema},
            "annotations": hints,
        },
    ]
    told = ToolFacts("peek", True, False, frozenset({"path"}))
    assert [facts_of([form]) for form in forms] == [{"peek": told}] * 3
    assert facts_of([{"name": "Read"}, "nonsense", {"annotations": 1}]) == {}


def test_a_session_that_knows_the_tools_judges_their_calls_by_them() -> None:
    call = Entry(role="assistant", calls=(ToolCall("1", "frobnicate", "{}"),))
    plain = SessionState().fold([Entry(role="user", text="x"), call])
    hints = {"name": "frobnicate", "annotations": {"readOnlyHint": True}}
    known = SessionState().knowing([hints])
    known = known.fold([Entry(role="user", text="x"), call])
    assert plain.last is not None
    assert known.last is not None
    assert (plain.last.kind, known.last.kind) == (ActionKind.OTHER, ActionKind.READ)


@given(
    st.text(max_size=30)
    | st.sampled_from(
        [n for r in KNOWN.values() for v in r.values() for n in v.split()]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["command", "path", "action", "file_paths", "cmd", "x"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ).map(json.dumps)
    | st.text(max_size=40),
)
def test_no_call_is_too_odd_to_have_a_kind(name: str, arguments: str) -> None:
    action = action_of(ToolCall("1", name, arguments))
    assert action.kind in ActionKind
    assert isinstance(arguments_of(arguments), dict)


def session_under(workspace: str) -> list[str]:
    """The kinds of one session's actions, in that workspace."""
    calls = [
        ("str_replace_editor", {"command": "view", "path": f"{workspace}"}),
        ("execute_bash", {"command": f"cd {workspace} && grep -rn x ."}),
        ("str_replace_editor", {"command": "view", "path": f"{workspace}/pkg/a.py"}),
        ("str_replace_editor", {"command": "create", "path": f"{workspace}/try.py"}),
        ("str_replace_editor", {"command": "create", "path": "/tmp/repro.py"}),
        ("str_replace_editor", {"command": "create", "path": f"{workspace}/pkg/b.py"}),
        ("Write", {"file_path": f"{workspace}/pkg/sub/c.py", "content": ""}),
        ("execute_bash", {"command": f"cat > {workspace}/pkg/d.py <<'E'\n1\nE"}),
        ("execute_bash", {"command": f"cat > {workspace}/e.py <<'E'\n1\nE"}),
        ("execute_bash", {"command": f"cd {workspace} && cat > f.py <<'E'\n1\nE"}),
        (
            "str_replace_editor",
            {"command": "create", "path": f"{workspace}/.scratch/g"},
        ),
    ]
    state = SessionState().fold([Entry(role="user", text="Fix it")])
    kinds = []
    for number, (tool, arguments) in enumerate(calls):
        call = ToolCall(str(number), tool, json.dumps(arguments))
        state = state.fold(
            [
                Entry(role="assistant", calls=(call,)),
                Entry(role="tool", text="ok", call_id=str(number), exit_code=0),
            ]
        )
        assert state.last is not None
        kinds.append(str(state.last.kind))
    return kinds


@pytest.mark.parametrize(
    "workspace",
    ["/tmp/x1/project", "/tmp/project", "/workspace/project", "/testbed",
     "/home/me/code/project"],
)  # fmt: skip
def test_a_new_file_is_judged_by_its_place_in_the_workspace_wherever_that_is(
    workspace: str,
) -> None:
    assert session_under(workspace) == [
        "read", "search", "read", "script", "script", "edit", "edit", "edit", "script",
        "script", "script",
    ]  # fmt: skip


def test_condensation_keeps_what_the_tools_declared_and_where_the_agent_works() -> None:
    hints = {"name": "frobnicate", "annotations": {"readOnlyHint": True}}
    view = json.dumps({"command": "view", "path": "/w/project/src/a.py"})
    call = Entry(role="assistant", calls=(ToolCall("1", "file_editor", view),))
    state = SessionState().knowing([hints]).fold([Entry(role="user", text="x"), call])
    assert state.root == "/w/project/src"
    shorter = state.condensed(SessionState().fold([Entry(role="user", text="x")]))
    assert (shorter.root, shorter.tools) == (state.root, state.tools)


def test_a_tool_that_is_called_through_another_counts_as_itself() -> None:
    inner = {"path": "a.py", "old_str": "x", "new_str": "y"}
    direct = ToolCall(id="1", name="edit_file", arguments=json.dumps(inner))
    asked = json.dumps({"tool": "edit_file", "arguments": inner})
    through = ToolCall(id="1", name="call_tool", arguments=asked)
    assert action_of(through) == action_of(direct)
    for broken in ("{}", '{"tool": 3}', "not json", '{"tool": "x", "arguments": "y"}'):
        action_of(ToolCall(id="1", name="call_tool", arguments=broken))
