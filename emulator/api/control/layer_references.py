"""Finds the layers that a function names by the ARNs of their versions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from emulator.errors import InvalidParameterValueError
from emulator.live.store.layers import layer_reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.api.control.collaborators import Control
    from emulator.live.store.function_records import Code


@dataclass(frozen=True, slots=True)
class FoundLayers:
    """Holds the layers of a function, in order."""

    members: list[dict[str, Any]]
    archives: tuple[str, ...]
    unzipped: int
    """Bytes of all their files."""

    def added_to(self, code: Code) -> Code:
        """Returns a version's code with these layers."""
        return replace(code, layer_archives=self.archives)


def layers_of(control: Control, arns: Sequence[str]) -> FoundLayers:
    """Returns the layers of the ARNs.

    Raises:
        InvalidParameterValueError: there is no such layer, two are versions of one, or there are
            too many.
    """
    most = control.profile.most_layers
    if len(arns) > most:
        raise InvalidParameterValueError(f"Cannot reference more than {most} layers.")
    found = []
    names = set()
    for arn in arns:
        named = layer_reference(arn)
        layer = None if named is None else control.catalog.layers.version(*named)
        if named is None or layer is None:
            raise InvalidParameterValueError(f"Layer version {arn} does not exist.")
        if named[:2] in names:
            raise InvalidParameterValueError(
                f"Two different versions of the same layer are not allowed to be referenced in the "
                f"same function. {arn} and another version of it."
            )
        names.add(named[:2])
        found.append(layer)
    return FoundLayers(
        [{"Arn": layer.arn, "CodeSize": layer.size} for layer in found],
        tuple(layer.archive for layer in found),
        sum(layer.unzipped for layer in found),
    )
