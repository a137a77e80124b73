"""PowerShell, read by a grammar that is not ours: where a script is wrong, what it calls, and with what."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_powershell.language()))


def parsed(script: str) -> Node:
    return _PARSER.parse(script.encode()).root_node


def nodes(node: Node, kind: str) -> Iterator[Node]:
    if node.type == kind:
        yield node
    for child in node.children:
        yield from nodes(child, kind)


def faults(node: Node) -> list[str]:
    """Return where a script is none."""
    here = [f"{node.start_point}: {source(node)[:60]}"] if node.type == "ERROR" or node.is_missing else []
    return here + [fault for child in node.children for fault in faults(child)]


def source(node: Node) -> str:
    return (node.text or b"").decode()


def commands(node: Node) -> set[str]:
    """Return the names of all commands, by whatever road they are reached."""
    return {source(one) for one in nodes(node, "command_name")}


def calls(node: Node, command: str) -> list[dict[str, Any]]:
    """Return the parameters of each call of a command that stands outside of functions, as PowerShell reads them."""
    (body,) = (child for child in node.named_children if child.type == "statement_list")
    found = [one for child in body.named_children if child.type == "pipeline" for one in nodes(child, "command")]
    return [_parameters(one) for one in found if source(one.named_children[0]) == command]


def value(node: Node) -> Any:
    """Return what an expression comes to; only what a plan's script is made of."""
    if read := _READ.get(node.type):
        return read(node)
    (only,) = _children(node)
    return value(only)


def _children(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type != "command_argument_sep"]


def _mapping(node: Node) -> dict[str, Any]:
    entries = (entry.named_children for entry in nodes(node, "hash_entry"))
    return {source(name): value(given) for name, given in entries}


def _list(node: Node) -> list[Any]:
    return [value(one) for one in nodes(node, "unary_expression") if _outermost(one, node)]


def _text(node: Node) -> str:
    return re.sub("(['\u2018-\u201b])\\1", r"\1", source(node)[1:-1])


def _unescape(node: Node) -> str:
    assert source(node).startswith("[regex]::Unescape(")
    return _unescaped(value(_children(node)[-1]))


def _moment(node: Node) -> Any:
    name, given = _children(node)
    assert source(name) == "ConvertTo-Utc"
    return value(given)


_READ: Mapping[str, Callable[[Node], Any]] = {
    "verbatim_string_characters": _text,
    "decimal_integer_literal": lambda node: int(source(node)),
    "variable": lambda node: {"$true": True, "$false": False}[source(node)],
    "hash_literal_expression": _mapping,
    "array_expression": _list,
    "invokation_expression": _unescape,
    "command": _moment,
}


def _parameters(command: Node) -> dict[str, Any]:
    elements = [one for one in command.named_children[1].named_children if one.type != "command_argument_sep"]
    pairs = zip(elements[::2], elements[1::2], strict=True)
    return {source(name).removeprefix("-"): value(given) for name, given in pairs}


def _outermost(node: Node, within: Node) -> bool:
    above = node.parent
    while above is not None and above != within:
        if above.type == "unary_expression":
            return False
        above = above.parent
    return True


def _unescaped(text: str) -> str:
    plain = re.sub(r"\\(?:u([0-9a-f]{4})|(.))", lambda one: chr(int(one[1], 16)) if one[1] else one[2], text)
    return plain.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")
