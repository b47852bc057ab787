"""Mends what moto's CloudFormation does otherwise than AWS's, and SAM and the CDK stumble over."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from moto.cloudformation import models, parsing, responses
from moto.cloudformation.exceptions import CloudFormationError, ValidationError

_FUNCTION = "AWS::Lambda::Function"


def mend_stacks() -> None:
    """Replaces the parts of moto that are at fault; once in a process."""
    _find_templates()
    _name_missing_change_sets()
    _keep_resolved_parameters()
    _change_functions_first()
    _refuse_faults_alone()


def _find_templates() -> None:
    """Has moto find templates at the emulator's address, whose path begins with the bucket.

    It takes the first part of an address such as 127.0.0.1 for a bucket.
    """
    find = responses.get_stack_from_s3_url  # type: ignore[attr-defined]

    def found(template_url: str, account_id: str, partition: str) -> str:
        address = urlsplit(template_url)
        if not (address.hostname or "").endswith("amazonaws.com"):
            template_url = f"http://localhost{address.path}"
        return find(template_url, account_id=account_id, partition=partition)

    responses.get_stack_from_s3_url = found  # type: ignore[attr-defined]


def _refuse_faults_alone() -> None:
    """Has moto refuse templates for errors, and not for a linter's advice, as Serverless' has."""
    validate = models.validate_template_cfn_lint  # type: ignore[attr-defined]

    def errors(template: str) -> list[Any]:
        return [found for found in validate(template) if found.rule.severity == "error"]

    models.validate_template_cfn_lint = errors  # type: ignore[attr-defined]


class ChangeSetNotFoundError(CloudFormationError):
    """Means that no change set has this name, as the CDK waits for after a deletion."""

    code = "ChangeSetNotFoundException"


def _name_missing_change_sets() -> None:
    """Has moto say of a change set that is not there that it is none, as AWS does."""
    describe = models.CloudFormationBackend.describe_change_set

    def described(
        self: models.CloudFormationBackend, change_set_name: str
    ) -> models.ChangeSet | None:
        try:
            return describe(self, change_set_name)
        except ValidationError as error:
            raise ChangeSetNotFoundError(f"ChangeSet [{change_set_name}] does not exist") from error

    models.CloudFormationBackend.describe_change_set = described  # type: ignore[method-assign]


def _keep_resolved_parameters() -> None:
    """Has moto take a parameter of the store as it was resolved when a stack was made.

    An update that keeps the previous value gives moto that value for the parameter's name.
    """
    parse = parsing.ResourceMap.parse_ssm_parameter

    def parsed(self: parsing.ResourceMap, value: str, value_type: str) -> str:
        try:
            return parse(self, value, value_type)
        except AttributeError:  # there is none of this name
            return value

    parsing.ResourceMap.parse_ssm_parameter = parsed  # type: ignore[method-assign]


def _change_functions_first() -> None:
    """Has an update change functions before it makes what is new.

    Moto makes what is new first, so that a new version would be one of the function as it was.
    """
    update = parsing.ResourceMap.update

    def updated(
        self: parsing.ResourceMap,
        template: dict[str, Any],
        parameters: dict[str, Any] | None = None,
    ) -> None:
        changes = self.build_resource_diff(template, parameters)
        resources = template["Resources"]
        functions = [name for name in changes["Modify"] if resources[name]["Type"] == _FUNCTION]
        if functions and changes["Add"]:
            _change(self, functions, template, parameters)
        update(self, template, parameters)

    parsing.ResourceMap.update = updated  # type: ignore[method-assign]


def _change(
    stack: Any, names: list[str], template: dict[str, Any], parameters: dict[str, Any] | None
) -> None:
    """Changes resources to what a new template says, so that nothing of them is left to change."""
    resources, old = template["Resources"], stack._resource_json_map  # noqa: SLF001
    given = stack.input_parameters
    stack._template, stack.input_parameters = template, parameters or given  # noqa: SLF001
    stack._resource_json_map = {**old, **resources}  # noqa: SLF001  # what they refer to may be new
    stack.load_mapping()
    stack.load_parameters()
    stack.load_conditions()
    for name in names:
        stack._parsed_resources[name] = parsing.parse_and_update_resource(  # noqa: SLF001
            name,
            resources[name],
            stack,
            account_id=stack._account_id,  # noqa: SLF001
            region_name=stack._region_name,  # noqa: SLF001
        )
    stack.input_parameters = given
    stack._resource_json_map = {**old, **{name: resources[name] for name in names}}  # noqa: SLF001
