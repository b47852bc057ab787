"""Evaluates CloudFormation's intrinsic functions: nodes in, nodes without functions out.

What a function gives stands at the line of the function, so that later faults are told there. What
a name means is `references`'; what a property may be is `nodes`' and its callers'.

Source: CloudFormation user guide, "Intrinsic function reference" and "Condition functions".
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, ClassVar

import yaml

from emulator.sam.loader import line_of
from emulator.sam.nodes import TAG, UNRESOLVED, as_string, intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yaml.nodes import Node

    from emulator.sam.nodes import Entry, Faults
    from emulator.sam.references import References

_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")
_TRUE, _FALSE = "true", "false"
_NO_VALUE = "AWS::NoValue"
_DEEPEST = 50
"""Levels of conditions and names that lead to each other."""


class Resolver:
    """Evaluates functions over the names of one template."""

    def __init__(
        self,
        faults: Faults,
        references: References,
        *,
        mappings: Mapping[str, Entry],
        conditions: Mapping[str, Entry],
    ) -> None:
        self._faults = faults
        self._references = references
        self._mappings = mappings
        self._conditions = conditions
        self._depth = 0

    def resolve(self, node: Node) -> Node | None:
        """Returns a node without functions; None where it is AWS::NoValue.

        A function that cannot be evaluated is a fault, and gives a node that readers pass over.
        """
        function = intrinsic(node)
        if function is not None:
            return self._evaluated(*function, node)
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, self.resolve(value)) for key, value in node.value]
            kept = [(key, value) for key, value in pairs if value is not None]
            return yaml.MappingNode(node.tag, kept, node.start_mark, node.end_mark)
        if isinstance(node, yaml.SequenceNode):
            items = [self.resolve(item) for item in node.value]
            kept_items = [item for item in items if item is not None]
            return yaml.SequenceNode(node.tag, kept_items, node.start_mark, node.end_mark)
        return node

    def holds(self, name: str, node: Node) -> bool:
        """Returns whether a condition of the template holds."""
        entry = self._conditions.get(name)
        if entry is None:
            self._fault(node, f"'{name}' is no condition of this template")
            return False
        return self._is_true(entry.node)

    def _evaluated(self, name: str, argument: Node, node: Node) -> Node | None:
        known = self._FUNCTIONS.get(name)
        if known is None:
            why = _REFUSED.get(name, "it is no function that is supported here")
            return self._fault(node, f"!{name}: {why}")
        if self._depth >= _DEEPEST:
            return self._fault(node, f"!{name} leads to itself")
        self._depth += 1
        try:
            return known(self, argument, node)
        finally:
            self._depth -= 1

    def _fault(self, node: Node, message: str) -> Node:
        self._faults.add(line_of(node), message)
        return yaml.ScalarNode(UNRESOLVED, "", node.start_mark, node.end_mark)

    def _text_at(self, node: Node, text: str) -> Node:
        return yaml.ScalarNode(TAG + "str", text, node.start_mark, node.end_mark)

    # arguments

    def _items(self, argument: Node, node: Node, name: str, *counts: int) -> list[Node] | None:
        """Returns a list's nodes, not evaluated yet; None where there is another number of them."""
        if not isinstance(argument, yaml.SequenceNode) or len(argument.value) not in counts:
            self._fault(node, f"!{name} takes a list of {' or '.join(map(str, counts))}")
            return None
        return list(argument.value)

    def _text(self, node: Node, name: str) -> str | None:
        """Returns the text of an argument; None where it has none, and a fault was noted."""
        found = self.resolve(node)
        if isinstance(found, yaml.ScalarNode) and found.tag != UNRESOLVED:
            try:
                return as_string(found)
            except (ValueError, LookupError):
                pass
        if found is None or found.tag != UNRESOLVED:
            self._fault(node, f"!{name} takes text here")
        return None

    def _list(self, node: Node, name: str) -> list[Node] | None:
        found = self.resolve(node)
        if isinstance(found, yaml.SequenceNode):
            return list(found.value)
        if found is None or found.tag != UNRESOLVED:
            self._fault(node, f"!{name} takes a list here")
        return None

    # functions

    def _ref(self, argument: Node, node: Node) -> Node | None:
        if not isinstance(argument, yaml.ScalarNode):
            return self._fault(node, "!Ref takes a name")
        name = str(argument.value).strip()
        if name == _NO_VALUE:
            return None
        found = self._references.named(name, self, node)
        if found is None:
            return self._fault(node, f"'{name}' is no parameter or resource of this template")
        return found

    def _get_att(self, argument: Node, node: Node) -> Node | None:
        if isinstance(argument, yaml.SequenceNode):
            parts = [self._text(item, "GetAtt") for item in argument.value]
            text = ".".join(part or "" for part in parts)
        else:
            text = str(argument.value)
        return self._attribute(text, node)

    def _attribute(self, text: str, node: Node) -> Node:
        name, _, attribute = text.partition(".")
        value = self._references.attribute(name, attribute, self, node)
        if value is None:
            return self._fault(node, f"'{text}' is no attribute that is known here")
        return self._text_at(node, value)

    def _sub(self, argument: Node, node: Node) -> Node | None:
        own: dict[str, Node] = {}
        if isinstance(argument, yaml.SequenceNode):
            parts = self._items(argument, node, "Sub", 2)
            if parts is None or not isinstance(parts[1], yaml.MappingNode):
                return self._fault(node, "!Sub takes text, or a list of text and a mapping")
            argument = parts[0]
            own = {str(key.value): value for key, value in parts[1].value}
        if not isinstance(argument, yaml.ScalarNode):
            return self._fault(node, "!Sub takes text, or a list of text and a mapping")
        return self._substituted(str(argument.value), own, node)

    def _substituted(self, text: str, own: Mapping[str, Node], node: Node) -> Node:
        parts: list[str] = []
        end = 0
        for place in _PLACEHOLDER.finditer(text):
            parts.append(text[end : place.start()])
            end = place.end()
            name = place[2].strip()
            if place[1]:
                parts.append(f"${{{place[2]}}}")  # ${!Name} is how a template writes ${Name}
                continue
            if name in own:
                found: Node | None = own[name]
            elif "." in name:
                found = self._attribute(name, node)
            else:
                found = self._ref(yaml.ScalarNode(TAG + "str", name), node)
            if found is None:
                return self._fault(node, "!Sub: AWS::NoValue is no text")
            if found.tag == UNRESOLVED:
                return found
            value = self._text(found, "Sub")
            if value is None:
                return yaml.ScalarNode(UNRESOLVED, "", node.start_mark, node.end_mark)
            parts.append(value)
        return self._text_at(node, "".join([*parts, text[end:]]))

    def _join(self, argument: Node, node: Node) -> Node | None:
        parts = self._items(argument, node, "Join", 2)
        if parts is None:
            return self._unresolved(node)
        separator, items = self._text(parts[0], "Join"), self._list(parts[1], "Join")
        texts = [self._text(item, "Join") for item in items or ()]
        if separator is None or items is None or None in texts:
            return self._unresolved(node)
        return self._text_at(node, separator.join(text for text in texts if text is not None))

    def _split(self, argument: Node, node: Node) -> Node | None:
        parts = self._items(argument, node, "Split", 2)
        if parts is None:
            return self._unresolved(node)
        separator, text = self._text(parts[0], "Split"), self._text(parts[1], "Split")
        if separator is None or text is None:
            return self._unresolved(node)
        items = [self._text_at(node, part) for part in (text.split(separator) if separator else ())]
        return yaml.SequenceNode(TAG + "seq", items, node.start_mark, node.end_mark)

    def _select(self, argument: Node, node: Node) -> Node | None:
        parts = self._items(argument, node, "Select", 2)
        if parts is None:
            return self._unresolved(node)
        index, items = self._text(parts[0], "Select"), self._list(parts[1], "Select")
        if index is None or items is None:
            return self._unresolved(node)
        if not index.isdecimal() or int(index) >= len(items):
            return self._fault(node, f"!Select: there is no item {index} in a list of {len(items)}")
        return items[int(index)]

    def _find_in_map(self, argument: Node, node: Node) -> Node | None:
        parts = self._items(argument, node, "FindInMap", 3)
        keys = [self._text(part, "FindInMap") for part in parts or ()]
        if parts is None or None in keys:
            return self._unresolved(node)
        found: Node | None = None
        for depth, key in enumerate(keys):
            if depth == 0:
                entry = self._mappings.get(str(key))
                found = entry.node if entry else None
            elif isinstance(found, yaml.MappingNode):
                found = next((v for k, v in found.value if str(k.value) == key), None)
            if found is None:
                path = ".".join(str(part) for part in keys[: depth + 1])
                return self._fault(node, f"!FindInMap: Mappings have no {path}")
        return found

    def _base64(self, argument: Node, node: Node) -> Node | None:
        text = self._text(argument if intrinsic(node) is None else _untagged(argument), "Base64")
        if text is None:
            return self._unresolved(node)
        return self._text_at(node, base64.b64encode(text.encode()).decode())

    def _zones(self, _argument: Node, node: Node) -> Node | None:
        region = self._text(self._references.pseudo("AWS::Region", node), "GetAZs")
        zones = [self._text_at(node, f"{region}{letter}") for letter in "abc"]
        return yaml.SequenceNode(TAG + "seq", zones, node.start_mark, node.end_mark)

    def _if(self, argument: Node, node: Node) -> Node | None:
        parts = self._items(argument, node, "If", 3)
        if parts is None or not isinstance(parts[0], yaml.ScalarNode):
            return self._unresolved(node)
        return self.resolve(parts[1] if self.holds(str(parts[0].value), node) else parts[2])

    # conditions

    def _is_true(self, node: Node) -> bool:
        found = self.resolve(node)
        return isinstance(found, yaml.ScalarNode) and found.value == _TRUE

    def _truth(self, node: Node, *, value: bool) -> Node:
        return self._text_at(node, _TRUE if value else _FALSE)

    def _condition(self, argument: Node, node: Node) -> Node | None:
        return self._truth(node, value=self.holds(str(argument.value), node))

    def _equals(self, argument: Node, node: Node) -> Node | None:
        parts = self._items(argument, node, "Equals", 2)
        if parts is None:
            return self._unresolved(node)
        texts = [self._text(part, "Equals") for part in parts]
        return self._truth(node, value=texts[0] == texts[1])

    def _not(self, argument: Node, node: Node) -> Node | None:
        parts = self._items(argument, node, "Not", 1)
        if parts is None:
            return self._unresolved(node)
        return self._truth(node, value=not self._is_true(parts[0]))

    def _and(self, argument: Node, node: Node) -> Node | None:
        parts = self._items(argument, node, "And", *range(2, 11))
        return self._truth(node, value=all(self._is_true(part) for part in parts or ()))

    def _or(self, argument: Node, node: Node) -> Node | None:
        parts = self._items(argument, node, "Or", *range(2, 11))
        return self._truth(node, value=any(self._is_true(part) for part in parts or ()))

    def _unresolved(self, node: Node) -> Node:
        return yaml.ScalarNode(UNRESOLVED, "", node.start_mark, node.end_mark)

    _FUNCTIONS: ClassVar[dict[str, Callable[[Resolver, Node, Node], Node | None]]] = {
        "Ref": _ref,
        "GetAtt": _get_att,
        "Sub": _sub,
        "Join": _join,
        "Split": _split,
        "Select": _select,
        "FindInMap": _find_in_map,
        "Base64": _base64,
        "GetAZs": _zones,
        "If": _if,
        "Condition": _condition,
        "Equals": _equals,
        "Not": _not,
        "And": _and,
        "Or": _or,
    }


def _untagged(node: Node) -> Node:
    """Returns the argument of a short form, `!Base64 text`, as a node of its own."""
    if isinstance(node, yaml.ScalarNode) and node.tag.startswith("!"):
        return yaml.ScalarNode(TAG + "str", node.value, node.start_mark, node.end_mark)
    return node


_REFUSED = {
    "ImportValue": "there are no exports of other stacks here",
    "Transform": "macros are not run here",
    "Cidr": "there are no networks of AWS's here",
}
