"""Lets the companion's CloudFormation make functions and APIs in the emulator.

Moto's own models of Lambda and API Gateway are replaced by ones that ask the emulator's API, and
templates of SAM are transformed by AWS's own translator. Everything else of a stack is moto's.
Everything that is replaced in moto for this is replaced in this module.
"""

# ruff: noqa: SLF001  # moto has no other places for what is replaced
from __future__ import annotations

import datetime as dt
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.cloudformation import models, parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError
from moto.core.common_models import CloudFormationModel
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import Group, InstanceProfile, ManagedPolicy, Role, User
from moto.s3.models import FakeBucket
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform

from emulator.live.companion.acting import in_role
from emulator.live.companion.lambda_client import OwnApi
from emulator.live.companion.stack_apis import API_RECIPES
from emulator.live.companion.stack_asking import Asker, ask_before
from emulator.live.companion.stack_failures import end_failed_stacks
from emulator.live.companion.stack_functions import FUNCTIONS
from emulator.live.companion.stack_identities import give_stated_rights
from emulator.live.companion.stack_mending import mend_stacks
from emulator.live.companion.stack_triggers import TRIGGERS, put_notifications

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.live.companion.recipes import Made, Recipe
    from emulator.live.companion.server import Identities

_TRANSFORM = "AWS::Serverless-2016-10-31"
_BEFORE_OTHERS = ("AWS::Lambda::Function", "AWS::Lambda::LayerVersion")
_CREATE = "create_from_cloudformation_json"
_MODELS: list[type[CloudFormationModel]] = []


def connect_stacks(
    url: str, secret: str, identities: Identities | None = None, *, strict: bool = False
) -> None:
    """Has CloudFormation's stacks make what is the emulator's through its API at `url`.

    `identities` keeps users and roles from run to run; `strict` asks for their callers' rights.
    """

    @lru_cache
    def own_api(account: str, region: str) -> OwnApi:
        return OwnApi(url, secret, account, region)

    # moto finds its models among the subclasses of one class, which does not hold them
    _MODELS.extend(_model_of(recipe, own_api) for recipe in (*FUNCTIONS, *TRIGGERS, *API_RECIPES))
    parsing.get_model_list.cache_clear()
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()
    _notify_of_buckets(own_api)
    _transform_templates()
    mend_stacks()
    end_failed_stacks()
    give_stated_rights()
    _act_in_roles()
    if identities is not None:
        _make_way_for(identities)
    if strict:
        ask_before(Asker(url, secret))  # before all else that makes a resource


def _model_of(recipe: Recipe, own_api: Callable[[str, str], OwnApi]) -> type[CloudFormationModel]:
    """Returns a model of moto's, which a later one of the same type takes the place of."""

    class Model(CloudFormationModel):
        def __init__(self, made: Made) -> None:
            self.made = made

        @property
        def physical_resource_id(self) -> str:
            return self.made.id

        @staticmethod
        def cloudformation_name_type() -> str:
            return recipe.named_by

        @staticmethod
        def cloudformation_type() -> str:
            return recipe.kind

        @classmethod
        def has_cfn_attr(cls, attr: str) -> bool:
            return attr in recipe.attributes

        def get_cfn_attribute(self, attribute_name: str) -> str:
            if attribute_name not in self.made.attributes:
                raise UnformattedGetAttTemplateException
            return self.made.attributes[attribute_name]

        @classmethod
        def create_from_cloudformation_json(
            cls,
            resource_name: str,
            cloudformation_json: dict[str, Any],
            account_id: str,
            region_name: str,
            **_: Any,
        ) -> Model:
            properties = cloudformation_json["Properties"]
            with _refusals(resource_name):
                return cls(recipe.make(own_api(account_id, region_name), resource_name, properties))

        @classmethod
        def update_from_cloudformation_json(
            cls,
            original_resource: Model,
            new_resource_name: str,
            cloudformation_json: dict[str, Any],
            account_id: str,
            region_name: str,
        ) -> Model:
            properties = cloudformation_json["Properties"]
            with _refusals(new_resource_name):
                api = own_api(account_id, region_name)
                return cls(recipe.change(api, original_resource.made, properties))

        def delete(self, account_id: str, region: str) -> None:
            recipe.remove(own_api(account_id, region), self.made)

    return Model


class _refusals:  # noqa: N801  # used as a statement
    """Turns what the emulator refused into CloudFormation's own error."""

    def __init__(self, resource: str) -> None:
        self._resource = resource

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, (ClientError, BotoCoreError, RuntimeError, TypeError, OSError)):
            raise ValidationError(self._resource, f"{self._resource}: {error}") from error


def _notify_of_buckets(own_api: Callable[[str, str], OwnApi]) -> None:
    """Has buckets of a stack send the notifications that the template states."""
    create = FakeBucket.create_from_cloudformation_json

    def create_bucket(
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **more: Any,
    ) -> FakeBucket:
        bucket = create(resource_name, cloudformation_json, account_id, region_name, **more)
        stated = cloudformation_json.get("Properties", {}).get("NotificationConfiguration")
        if stated:
            with _refusals(resource_name):
                put_notifications(own_api(account_id, region_name), resource_name, stated)
        return bucket

    FakeBucket.create_from_cloudformation_json = staticmethod(create_bucket)  # type: ignore[method-assign]


def _transform_templates() -> None:
    """Has moto read SAM's templates as what SAM makes of them."""
    parse = models.Stack.parse_template
    parse_changes = models.ChangeSet._parse_template

    def parse_template(template: str) -> dict[str, Any]:
        return transformed(parse(template))

    def parse_template_of_changes(self: models.ChangeSet) -> None:
        parse_changes(self)
        self.template_dict = transformed(self.template_dict)

    apply = models.ChangeSet.apply

    def apply_with_outputs(self: models.ChangeSet) -> None:
        apply(self)
        # moto leaves a stack that a change set makes without the outputs of its template
        self.stack.template_dict = self.template_dict
        self.stack.output_map = self.stack._create_output_map()

    models.ChangeSet.apply = apply_with_outputs  # type: ignore[method-assign]
    models.Stack.parse_template = staticmethod(parse_template)  # type: ignore[method-assign]
    models.ChangeSet._parse_template = parse_template_of_changes  # type: ignore[method-assign]


def _act_in_roles() -> None:
    """Has stacks act in the role that their caller passed, at this call or an earlier one."""
    make, change, delete = (
        models.Stack.create_resources,
        models.Stack.update,
        models.Stack.delete,
    )
    apply = models.ChangeSet.apply

    def make_in_role(self: models.Stack) -> None:
        with in_role(self.role_arn):
            make(self)

    def change_in_role(
        self: models.Stack, template: str, role_arn: str | None = None, **more: Any
    ) -> None:
        role = role_arn or self.role_arn  # a stack keeps its role
        with in_role(role):
            change(self, template, role, **more)

    def delete_in_role(self: models.Stack) -> None:
        with in_role(self.role_arn):
            delete(self)

    def apply_in_role(self: models.ChangeSet) -> None:
        self.stack.role_arn = self.role_arn or self.stack.role_arn
        with in_role(self.stack.role_arn):
            apply(self)

    models.Stack.create_resources = make_in_role  # type: ignore[method-assign]
    models.Stack.update = change_in_role  # type: ignore[method-assign,assignment]
    models.Stack.delete = delete_in_role  # type: ignore[method-assign]
    models.ChangeSet.apply = apply_in_role  # type: ignore[method-assign]


_KEPT = {
    Role: ("roles", "RoleName"),
    User: ("users", "UserName"),
    Group: ("groups", "GroupName"),
    ManagedPolicy: ("policies", "ManagedPolicyName"),
    InstanceProfile: ("profiles", "InstanceProfileName"),
}
"""By a model of moto's: the member that keeps such things, and the property with their name."""


def _make_way_for(identities: Identities) -> None:
    """Has a stack take the place of what a stack of an earlier run has left."""
    for model, (member, named_by) in _KEPT.items():
        create = getattr(model, _CREATE, None)
        if create is not None:
            made = staticmethod(_making_way(create, identities, member, named_by))
            setattr(model, _CREATE, made)


def _making_way(
    create: Callable[..., Any], identities: Identities, member: str, named_by: str
) -> Callable[..., Any]:
    def make(
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **more: Any,
    ) -> Any:
        name = cloudformation_json.get("Properties", {}).get(named_by, resource_name)
        identities.make_way(account_id, member, name)
        return create(resource_name, cloudformation_json, account_id, region_name, **more)

    return make


def transformed(template: dict[str, Any]) -> dict[str, Any]:
    """Returns a template as CloudFormation reads it, which is another for one of SAM's.

    Raises:
        ValidationError: SAM refuses the template.
    """
    stated = template.get("Transform", ())
    if _TRANSFORM not in ([stated] if isinstance(stated, str) else stated):
        return template
    try:
        found: dict[str, Any] = transform(_plain(template), {}, _ManagedPolicies())
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise ValidationError("Transform", causes or str(error)) from error
    return found


def _plain(value: Any) -> Any:
    """Returns a template without dates, which YAML makes of a policy's Version."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, dt.date) else value


class _ManagedPolicies:
    """Knows the ARN of each policy of AWS's by the name that SAM lets a template say."""

    def load(self) -> dict[str, str]:
        policies = json.loads(aws_managed_policies_data)
        return {name: str(policy["Arn"]) for name, policy in policies.items()}
