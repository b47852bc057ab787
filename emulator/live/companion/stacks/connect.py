"""Puts the emulator's resources in the place of moto's own in its CloudFormation.

Everything that is replaced in moto's CloudFormation is replaced in this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.cloudformation import models
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError
from moto.core.common_models import CloudFormationModel

from emulator.live.companion.stacks.resources import RESOURCES, Made, Resource
from emulator.live.companion.stacks.sam_templates import translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.live.companion.stacks.apis import Apis


def connect_stacks(apis: Apis) -> None:
    """Has stacks make the emulator's functions, and take templates of SAM.

    The last class of a type is the one that moto takes.
    """
    for resource in RESOURCES:
        _bridged(resource(apis))
    _translate_templates()


def _bridged(resource: Resource) -> type[CloudFormationModel]:
    """Returns a class that moto finds among its models of CloudFormation resources."""
    members = {
        "resource": resource,
        "cloudformation_name_type": staticmethod(lambda: resource.name_property),
        "cloudformation_type": staticmethod(lambda: resource.kind),
        "has_cfn_attr": classmethod(lambda _, name: name in resource.attributes),
    }
    return type(type(resource).__name__, (_Bridge, CloudFormationModel), members)


class _Bridge:
    """Looks to moto like one of its resources."""

    resource: Resource

    def __init__(self, made: Made, region: str, properties: dict[str, Any]) -> None:
        self.made = made
        self.region = region
        self.properties = properties

    @property
    def physical_resource_id(self) -> str:
        return self.made.id

    @property
    def name(self) -> str:
        return self.made.id

    def is_created(self) -> bool:
        return True

    def get_cfn_attribute(self, name: str) -> Any:
        if name not in self.made.attributes:
            raise UnformattedGetAttTemplateException
        return self.made.attributes[name]

    @classmethod
    def create_from_cloudformation_json(  # moto calls it so
        cls, resource_name: str, cloudformation_json: Any, _account: str, region: str, **_: Any
    ) -> _Bridge:
        properties = cloudformation_json["Properties"]
        made = _answered(lambda: cls.resource.create(region, resource_name, properties))
        return cls(made, region, properties)

    @classmethod
    def update_from_cloudformation_json(  # moto calls it so
        cls,
        original_resource: _Bridge,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,  # noqa: ARG003
        region_name: str,
    ) -> _Bridge:
        properties, made = cloudformation_json["Properties"], original_resource.made
        name = new_resource_name
        if not properties.get(cls.resource.name_property):
            name = made.id  # moto has made up another
        found = _answered(lambda: cls.resource.update(region_name, made, name, properties))
        return cls(found, region_name, properties)

    def delete(self, _account: str, _region: str) -> None:
        _answered(self._delete)

    def _delete(self) -> None:
        try:
            self.resource.delete(self.region, self.made, self.properties)
        except ClientError as error:  # moto heeds no order: it went with its function
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise


def _answered(work: Callable[[], Any]) -> Any:
    """Returns what a call gives; a refusal of the emulator's is one of CloudFormation's."""
    try:
        return work()
    except (ClientError, BotoCoreError) as error:
        raise ValidationError(message=str(error)) from error


def _translate_templates() -> None:
    def parse_stack(self: models.Stack) -> None:
        stated = self.parse_template(self.template)  # type: ignore[arg-type]
        self.template_dict = _translated(stated, getattr(self, "parameters", None), self)

    def has_template(self: models.Stack, other_template: str) -> bool:
        self._parse_template()
        return bool(
            self.template_dict
            == _translated(self.parse_template(other_template), self.parameters, self)
        )

    def parse_change_set(self: models.ChangeSet) -> None:
        stated = models.Stack.parse_template(self.template)
        self.template_dict = _translated(stated, self.parameters, self.stack)

    models.Stack._parse_template = parse_stack  # type: ignore[method-assign]  # noqa: SLF001
    models.Stack.has_template = has_template  # type: ignore[method-assign]
    models.ChangeSet._parse_template = parse_change_set  # type: ignore[method-assign]  # noqa: SLF001


def _translated(template: Any, parameters: Any, stack: models.Stack) -> Any:
    region = getattr(stack, "region_name", "us-east-1")
    try:
        return translated(template, parameters or {}, region)
    except Exception as error:  # SAM's errors are of many kinds
        raise ValidationError(message=f"Transform AWS::Serverless-2016-10-31: {error}") from error
