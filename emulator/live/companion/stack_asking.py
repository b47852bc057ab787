"""Has moto make resources of stacks only where the stack's caller, or its role, has the rights.

Under `--auth strict` alone. The emulator is asked, which knows callers and policies; what rights a
resource takes is `stack_rights`.
"""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError

from emulator.live.companion.acting import RIGHTS, acting_headers
from emulator.live.companion.stack_rights import Place, Step, stack_rights

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.live.companion.stack_rights import StackRight

_INTERNAL = "X-Testbed-Internal"
_PATIENCE = 60.0
_MAKE, _CHANGE = "create_from_cloudformation_json", "update_from_cloudformation_json"


class Asker:
    """Asks the emulator at `url`, to which the companion is known by `secret`."""

    def __init__(self, url: str, secret: str) -> None:
        self._url = url + RIGHTS
        self._secret = secret
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def check(self, rights: list[StackRight], place: Place) -> None:
        """Returns when the one who is acted for has all the rights.

        Raises:
            ValidationError: a right is missing; the message is the reason of a stack's event.
        """
        if not rights:
            return
        asked = {"region": place.region, "rights": [list(right) for right in rights]}
        headers = {**acting_headers(), _INTERNAL: self._secret}
        body = json.dumps(asked).encode()
        request = urllib.request.Request(self._url, body, headers)  # noqa: S310  # the emulator's
        try:
            with self._opener.open(request, timeout=_PATIENCE):
                pass
        except HTTPError as error:
            told = json.load(error)
            raise ValidationError(message=str(told.get("message", told))) from error


class _Of(NamedTuple):
    """Holds what a type's resources are asked about with."""

    kind: str
    asker: Asker


def ask_before(asker: Asker) -> None:
    """Has every model of moto's ask first; models that are the emulator's as well."""
    for kind, model in parsing.get_model_map().items():
        of = _Of(kind, asker)
        setattr(model, _MAKE, staticmethod(_asking_to_make(of, getattr(model, _MAKE))))
        change = getattr(model, _CHANGE)
        if not hasattr(change, "__isabstractmethod__"):  # moto looks for this, too
            setattr(model, _CHANGE, staticmethod(_asking_to_change(of, change)))
    _ask_to_remove(asker)


def _asking_to_make(of: _Of, make: Callable[..., Any]) -> Callable[..., Any]:
    def asking(
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **more: Any,
    ) -> Any:
        place, properties = Place(account_id, region_name), _properties(cloudformation_json)
        of.asker.check(stack_rights(of.kind, Step.MAKE, resource_name, properties, place), place)
        return make(resource_name, cloudformation_json, account_id, region_name, **more)

    return asking


def _asking_to_change(of: _Of, change: Callable[..., Any]) -> Callable[..., Any]:
    def asking(
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        place, properties = Place(account_id, region_name), _properties(cloudformation_json)
        name = str(getattr(original_resource, "physical_resource_id", new_resource_name))
        rights = stack_rights(of.kind, Step.CHANGE, name, properties, place)
        of.asker.check(rights, place)
        return change(
            original_resource=original_resource,
            new_resource_name=new_resource_name,
            cloudformation_json=cloudformation_json,
            account_id=account_id,
            region_name=region_name,
        )

    return asking


def _ask_to_remove(asker: Asker) -> None:
    remove = parsing.ResourceMap._delete_resource  # noqa: SLF001  # there is no other place

    def asking(self: parsing.ResourceMap, parsed_resource: Any, resource_json: Any) -> None:
        place = Place(self._account_id, self._region_name)
        name = str(getattr(parsed_resource, "physical_resource_id", ""))
        # as written: to resolve a reference to what is gone would make that anew
        properties = _properties(resource_json)
        rights = stack_rights(resource_json["Type"], Step.REMOVE, name, properties, place)
        asker.check(rights, place)
        remove(self, parsed_resource, resource_json)

    parsing.ResourceMap._delete_resource = asking  # type: ignore[method-assign]  # noqa: SLF001


def _properties(resource_json: dict[str, Any]) -> dict[str, Any]:
    return resource_json.get("Properties") or {}
