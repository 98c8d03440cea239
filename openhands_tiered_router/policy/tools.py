"""Which kind of action a tool call is, by the tool's name, arguments and schema.

``KNOWN`` names the tools of the agents that people use; to add one, add its name to
the row of what it does. What is in no row is judged by what its server declares
(``readOnlyHint``, ``destructiveHint``), by the verb in its name, and by its
parameters; ``OTHER`` is what is left, and counts as hard. See docs/tools.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from openhands_tiered_router.policy.kinds import MECHANICAL, ActionKind
from openhands_tiered_router.policy.shell import command_kind, without_shell
from openhands_tiered_router.policy.workspace import is_throwaway


SHELL: Final = "shell"
"""Runs a command line: the command tells the kind."""
EDITOR: Final = "editor"
"""Views and changes files: the argument ``command`` tells which."""
MAKER: Final = "maker"
"""Writes a whole file: its place tells whether that is a source."""
PATCH: Final = "patch"
"""Applies a patch that may add files."""
CODE: Final = "code"
"""Runs code that calls other tools: those tell the kind."""

KNOWN: Final[Mapping[str, Mapping[str, str]]] = {
    "OpenHands": {
        SHELL: "terminal execute_bash bash",
        EDITOR: "file_editor str_replace_editor planning_file_editor",
        MAKER: "write_file",
        PATCH: "apply_patch",
        "snippet": "execute_ipython_cell",
        "read": "read_file invoke_skill",
        "list": "glob list_directory",
        "search": "grep find_tool",
        "edit": "edit edit_file",
        "think": "think ask_oracle tom_consult",
        "plan": "task_tracker",
        "delegate": "task delegate spawn run_workflow child_conversation",
        "browse": "browser browse_interactive web_read fetch",
        "finish": "finish",
    },
    "Claude Code": {
        SHELL: "bash powershell",
        MAKER: "write",
        "read": "read notebookread bashoutput taskoutput skill readmcpresourcetool",
        "list": "ls glob listmcpresourcestool",
        "search": "grep lsp toolsearch",
        "edit": "edit multiedit notebookedit",
        "cleanup": "killshell killbash taskstop",
        "plan": "todowrite todoread taskcreate taskupdate tasklist taskget "
        "enterplanmode exitplanmode exit_plan_mode",
        "delegate": "task agent",
        "browse": "webfetch websearch",
        "message": "askuserquestion",
    },
    "Codex CLI": {
        SHELL: "shell local_shell shell_command exec_command container.exec",
        PATCH: "apply_patch",
        CODE: "exec",
        "read": "view_image read_mcp_resource write_stdin wait",
        "list": "list_dir list_mcp_resources",
        "search": "grep_files",
        "plan": "update_plan",
        "delegate": "spawn_agent",
        "browse": "web_search",
    },
    "TRAE Agent": {
        SHELL: "bash",
        EDITOR: "str_replace_based_edit_tool json_edit_tool",
        "search": "ckg",
        "think": "sequentialthinking",
        "finish": "task_done",
    },
    "SWE-agent": {
        SHELL: "bash",
        EDITOR: "str_replace_editor",
        MAKER: "create",
        "read": "open goto scroll_up scroll_down view_image",
        "search": "search_dir search_file find_file",
        "edit": "edit insert",
        "finish": "submit exit_forfeit",
    },
    "Rovo Dev": {
        SHELL: "bash",
        MAKER: "create_file",
        "read": "open_files inspect_code expand_code_chunks",
        "list": "expand_folder",
        "search": "grep",
        "edit": "find_and_replace_code move_file",
        "cleanup": "delete_file",
    },
    "Cline and Roo Code": {
        SHELL: "execute_command",
        MAKER: "write_to_file",
        PATCH: "apply_patch",
        "read": "read_file read_command_output access_mcp_resource fetch_instructions",
        "list": "list_files list_code_definition_names",
        "search": "search_files codebase_search",
        "edit": "replace_in_file apply_diff insert_content search_and_replace "
        "edit_file search_replace",
        "plan": "plan_mode_respond act_mode_respond update_todo_list switch_mode",
        "delegate": "new_task use_subagents",
        "browse": "browser_action web_fetch",
        "message": "ask_followup_question",
        "finish": "attempt_completion",
    },
    "Gemini CLI": {
        SHELL: "run_shell_command",
        MAKER: "write_file",
        "read": "read_file read_many_files activate_skill",
        "list": "glob list_directory",
        "search": "search_file_content grep_search",
        "edit": "replace",
        "plan": "write_todos save_memory",
        "delegate": "codebase_investigator delegate_to_agent",
        "browse": "google_web_search web_fetch",
    },
    "pi": {
        SHELL: "bash",
        MAKER: "write",
        "read": "read",
        "list": "ls find",
        "search": "grep",
        "edit": "edit",
    },
    "editors' assistants": {
        SHELL: "run_terminal_cmd run_in_terminal run_command execute",
        PATCH: "apply_patch",
        "read": "view cat get_errors",
        "list": "list_dir file_search",
        "search": "rg search grep_search semantic_search codesearch find_by_name",
        "edit": "edit_file search_replace insert_edit_into_file",
    },
}
"""Tools by agent and by what they do, in lower case."""

COMMAND: Final = ("command", "cmd", "script", "commands", "input")
PATH: Final = (
    "path", "file_path", "filepath", "file", "filename", "file_name", "target_file",
    "absolute_path", "notebook_path", "relative_workspace_path", "folder_path",
    "dir_path", "directory", "file_paths", "paths", "files",
)  # fmt: skip
"""Names of the arguments for the command line and for the file or files, in order."""

_TOOLS: Final = {
    name: does
    for rows in KNOWN.values()
    for does, names in rows.items()
    for name in names.split()
}
_READS: Final = frozenset({"view", "read", "open", "show", "print"})
_MAKES: Final = frozenset({"create", "write", "new"})
_NAMESPACE: Final = re.compile(r"^(?:mcp__.+?__|functions\.|default_api[.:])")
_NESTED: Final = re.compile(
    r"""\btools\.(?P<tool>\w+)\(\s*(?:\{[^}]*?\b["']?cmd["']?\s*:\s*)?"""
    r"""(?P<given>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)?"""
)
"""A call within Codex' code mode, with its command line or patch."""
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_NEW_FILE: Final = re.compile(r"^\*\*\* Add File: (.+)$", re.M)
_OLD_FILE: Final = re.compile(r"^\*\*\* (?:Update|Delete) File: ", re.M)
_VERBS: Final[Mapping[str, ActionKind]] = {
    verb: kind
    for kind, verbs in {
        ActionKind.SEARCH: "search find query grep lookup locate match",
        ActionKind.LIST: "list ls tree enumerate glob",
        ActionKind.READ: "read get view open show fetch describe cat load inspect "
        "retrieve check status",
        ActionKind.CLEANUP: "delete remove kill close stop",
        ActionKind.EDIT: "edit write update replace insert patch modify set rename "
        "move append put",
        ActionKind.SCRIPT: "create new make generate",
        ActionKind.TEST: "test tests pytest",
        ActionKind.BROWSE: "browser browse navigate click scroll screenshot webpage",
        ActionKind.THINK: "think reason reflect",
        ActionKind.PLAN: "plan todo todos",
        ActionKind.DELEGATE: "delegate subagent spawn",
        ActionKind.FINISH: "finish submit done complete",
        ActionKind.SHELL: "run execute exec eval",
    }.items()
    for verb in verbs.split()
}
"""What the verb of an unknown tool's name tells."""
_LOOKS: Final = frozenset({ActionKind.SEARCH, ActionKind.LIST, ActionKind.READ})
_SEES: Final = _LOOKS | {ActionKind.BROWSE}


@dataclass(frozen=True, slots=True)
class ToolFacts:
    """What a tool's own definition declares, for tools that ``KNOWN`` lacks."""

    name: str
    read_only: bool | None = None
    """MCP's ``readOnlyHint``; ``None``: not declared."""
    destructive: bool | None = None
    """MCP's ``destructiveHint``."""
    parameters: frozenset[str] = frozenset()


def facts_of(tools: Iterable[Any]) -> dict[str, ToolFacts]:
    """By name, what tool definitions declare: MCP's, OpenAI's or Anthropic's form.

    What has no name is passed over. Known tools are left out.
    """
    found: dict[str, ToolFacts] = {}
    for tool in tools:
        if not isinstance(tool, Mapping):
            continue
        function = tool.get("function")
        own = function if isinstance(function, Mapping) else tool
        name = own.get("name") or own.get("title")  # the SDK persists it as the title
        if not isinstance(name, str) or tool_name(name) in _TOOLS:
            continue
        hints = own.get("annotations") or tool.get("annotations")
        hints = hints if isinstance(hints, Mapping) else {}
        flags = {k: v for k, v in hints.items() if isinstance(v, bool)}
        found[name] = ToolFacts(
            name,
            read_only=flags.get("readOnlyHint"),
            destructive=flags.get("destructiveHint"),
            parameters=_parameters(own),
        )
    return found


def is_shell(name: str) -> bool:
    """Whether the tool runs command lines."""
    return _TOOLS.get(tool_name(name)) == SHELL


def is_known(name: str) -> bool:
    """Whether ``KNOWN`` has the tool."""
    return tool_name(name) in _TOOLS


def kind_of(
    name: str,
    arguments: Mapping[str, Any],
    root: str = "",
    facts: ToolFacts | None = None,
) -> ActionKind:
    """The kind of a call. Never raises.

    Args:
        name: Of the tool, as the model wrote it.
        arguments: Of the call; empty if they could not be read.
        root: The directory that the agent works in, as far as it is known.
        facts: What the tool's definition declares, if that is known.
    """
    does = _TOOLS.get(tool_name(name))
    if does is None:
        return judged(name, arguments, facts)
    if does == SHELL:
        return command_kind(command_of(arguments), root)
    if does == EDITOR:
        return _editor_kind(arguments, root)
    if does == MAKER:
        return _made(path_of(arguments), root)
    if does == PATCH:
        return _patch_kind(arguments, root)
    if does == CODE:
        return _code_kind(arguments, root)
    return ActionKind(does)


def judged(
    name: str, arguments: Mapping[str, Any], facts: ToolFacts | None = None
) -> ActionKind:
    """The kind of a call of a tool that ``KNOWN`` lacks.

    >>> str(judged("github_search_issues", {}))
    'search'
    >>> str(judged("frobnicate", {}))
    'other'
    """
    kind = _by_name(_NAMESPACE.sub("", name))
    if facts and facts.read_only:
        return kind if kind and kind in _SEES else ActionKind.READ
    if facts and facts.read_only is False and kind in _LOOKS:
        return ActionKind.EDIT if facts.destructive else ActionKind.OTHER
    if kind is ActionKind.SHELL and command_of(arguments):
        return command_kind(command_of(arguments))
    if kind is not None:
        return kind
    given = arguments.keys() | (facts.parameters if facts else frozenset())
    return _by_parameters(given, arguments)


def command_of(arguments: Mapping[str, Any]) -> str:
    """The command line among a call's arguments, or nothing.

    >>> command_of({"command": ["bash", "-lc", "ls -l"]})
    'ls -l'
    """
    for name in COMMAND:
        value = arguments.get(name)
        if isinstance(value, str):
            return without_shell(value)
        if isinstance(value, list) and all(isinstance(v, str) for v in value):
            given = len(value) == 3 and value[1] in ("-c", "-lc")
            return value[2] if given else " ".join(value)
    action = arguments.get("action")  # Codex' local_shell nests it.
    return command_of(action) if isinstance(action, Mapping) else ""


def path_of(arguments: Mapping[str, Any]) -> str:
    """The file or directory that a call names in an argument of its own."""
    for name in PATH:
        value = arguments.get(name)
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, str) and first:
            return first
    return ""


def tool_name(name: str) -> str:
    """The name as ``KNOWN`` writes it, or in lower case where it has none such."""
    return name if name in _TOOLS else _folded(name)


@lru_cache(maxsize=1024)
def _folded(name: str) -> str:
    """In lower case; a namespace is cut off where the rest is a known name."""
    low = name.lower()
    bare = _NAMESPACE.sub("", low)
    return bare if bare in _TOOLS else low


def _editor_kind(arguments: Mapping[str, Any], root: str) -> ActionKind:
    command = arguments.get("command") or arguments.get("operation")
    if command in _READS:
        return ActionKind.READ
    if command in _MAKES:
        return _made(path_of(arguments), root)
    return ActionKind.EDIT


def _patch_kind(arguments: Mapping[str, Any], root: str) -> ActionKind:
    text = next((v for v in arguments.values() if isinstance(v, str)), "")
    kinds = {_made(path.strip(), root) for path in _NEW_FILE.findall(text)}
    only_new = len(kinds) == 1 and not _OLD_FILE.search(text)
    return kinds.pop() if only_new else ActionKind.EDIT


def _code_kind(arguments: Mapping[str, Any], root: str) -> ActionKind:
    """The kind of the first call that is no mechanical one, or else of the first."""
    text = command_of(arguments)
    kinds = []
    for match in _NESTED.finditer(text):
        given = (match["given"] or "")[1:-1]
        given = given.replace("\\n", "\n").replace('\\"', '"').replace("\\'", "'")
        kinds.append(kind_of(match["tool"], {"cmd": given} if given else {}, root))
    if not kinds:
        named = "command" in arguments or "cmd" in arguments
        return command_kind(text, root) if named else ActionKind.SNIPPET
    return next((k for k in kinds if k not in MECHANICAL), kinds[0])


def _made(path: str, root: str) -> ActionKind:
    return ActionKind.SCRIPT if is_throwaway(path, root) else ActionKind.EDIT


@lru_cache(maxsize=1024)
def _by_name(name: str) -> ActionKind | None:
    # The verb comes first in most names, behind the server's name in others.
    kinds = (_VERBS.get(word.lower()) for word in _WORD.findall(name))
    return next(filter(None, kinds), None)


def _by_parameters(given: set[str], arguments: Mapping[str, Any]) -> ActionKind:
    if given & {"old_string", "old_str", "new_str", "new_string", "diff", "patch"}:
        return ActionKind.EDIT
    if command := command_of(arguments):
        return command_kind(command)
    has_path = not given.isdisjoint(PATH)
    if has_path and given & {"content", "contents", "file_text", "text"}:
        return ActionKind.SCRIPT
    if given & {"pattern", "query", "regex"}:
        return ActionKind.SEARCH
    if "url" in given:
        return ActionKind.BROWSE
    return ActionKind.READ if has_path else ActionKind.OTHER


def _parameters(own: Mapping[str, Any]) -> frozenset[str]:
    for key in ("parameters", "input_schema", "inputSchema"):
        schema = own.get(key)
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        if isinstance(properties, Mapping):
            return frozenset(map(str, properties))
    return frozenset()
