"""Composes a template's text into YAML nodes that know their lines.

Knows YAML alone; what a template may say is `nodes`' and its callers'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from emulator.errors import TemplateError

if TYPE_CHECKING:
    from yaml.nodes import Node

_DEEPEST = 100
"""Levels of nesting; a template has about ten, and the parser calls itself for each."""
_MOST_NODES = 100_000
"""Keys and values with aliases written out; a template of 1 MB, which is the most, has fewer."""


def line_of(node: Node) -> int:
    """Returns the line where a node begins, counted from 1."""
    return int(node.start_mark.line) + 1


class _RefusedError(yaml.MarkedYAMLError):
    """Means that the text is YAML, and of a kind that no template is."""


class _Loader(yaml.SafeLoader):
    """Composes nodes no deeper than templates are, of text that files and processes can hold."""

    _depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self._depth += 1
        if self._depth > _DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            problem = f"it is nested too deeply, in more than {_DEEPEST} levels"
            raise _RefusedError(problem=problem, problem_mark=mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if fault := _text_fault(node.value):
            raise _RefusedError(problem=fault, problem_mark=node.start_mark)
        return node


def _text_fault(text: str) -> str:
    if "\0" in text:
        return "a text has a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "a text has half a surrogate pair"
    return ""


def compose(text: str, path: str) -> Node:
    """Returns the root node of a file's text.

    Raises:
        TemplateError: the text is empty, no YAML, or no template's YAML.
    """
    try:
        root: Node | None = yaml.compose(text, Loader=_Loader)
    except _RefusedError as error:
        mark = error.problem_mark
        raise TemplateError(str(error.problem), mark.line + 1 if mark else None, path) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise TemplateError(f"no YAML: {error.reason}", line, path) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = ", ".join(part for part in (error.problem, error.context) if part)
        raise TemplateError(f"no YAML: {problem}", mark.line + 1 if mark else None, path) from error
    if root is None:
        raise TemplateError("it is empty", 1, path)
    _check_aliases(root, path)
    return root


def _check_aliases(root: Node, path: str) -> None:
    """Refuses a text whose aliases have no end, or too many ends, when they are written out.

    Raises:
        TemplateError: a part contains itself, or there are too many parts.
    """
    measured: dict[int, tuple[int, int]] = {}

    def measure(node: Node, around: tuple[int, ...]) -> tuple[int, int]:
        """Returns how many parts a node has, and in how many levels."""
        if id(node) in around:
            raise TemplateError("a part contains itself", line_of(node), path)
        if id(node) not in measured:
            within = (*around, id(node))
            parts = [measure(child, within) for child in _children(node)]
            depth = 1 + max((levels for _, levels in parts), default=0)
            measured[id(node)] = (1 + sum(count for count, _ in parts), depth)
        return measured[id(node)]

    count, depth = measure(root, ())
    if count > _MOST_NODES:
        raise TemplateError(f"it has more than {_MOST_NODES} parts", 1, path)
    if depth > _DEEPEST:
        raise TemplateError(f"it is nested too deeply, in more than {_DEEPEST} levels", 1, path)


def _children(node: Node) -> list[Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
