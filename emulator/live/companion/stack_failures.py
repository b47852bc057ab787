"""Has stacks that fail end as AWS's do: with an event that says why, and rolled back.

Moto tells whoever asked for the stack, and leaves it half made. AWS takes the call, and what goes
wrong is in the stack's events. Source: the CloudFormation user guide, "Choose how to handle
failures when provisioning resources" and "Stack status codes".
"""

# ruff: noqa: SLF001  # moto has no other places for what is replaced
from __future__ import annotations

import copy
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from moto.cloudformation import models, parsing
from moto.cloudformation.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

_FAULT = "testbed_resource"
"""Attribute of an exception: the logical id and the type of the resource that has it."""
_INITIATED = "User Initiated"


def end_failed_stacks() -> None:
    """Replaces what moto does with a failure; once in a process."""
    parsing.parse_and_create_resource = _naming(parsing.parse_and_create_resource)
    parsing.parse_and_update_resource = _naming(parsing.parse_and_update_resource)
    _roll_back_new_stacks()
    _roll_back_changes()
    _execute_change_sets()
    _keep_what_cannot_be_deleted()


def _naming(work: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the work, which says of its exception whose it is."""

    def named(logical_id: str, resource_json: dict[str, Any], *more: Any, **named: Any) -> Any:
        try:
            return work(logical_id, resource_json, *more, **named)
        except Exception as error:
            if not hasattr(error, _FAULT):
                setattr(error, _FAULT, (logical_id, resource_json["Type"]))
            raise

    return named


def _roll_back_new_stacks() -> None:
    make = models.Stack.create_resources

    def made_or_rolled_back(self: models.Stack) -> None:
        with _rolled_back(self, "CREATE_FAILED"):
            make(self)

    models.Stack.create_resources = made_or_rolled_back  # type: ignore[method-assign]


@contextmanager
def _rolled_back(stack: models.Stack, failure: str) -> Iterator[None]:
    """Takes away all of a new stack where a part of it cannot be made."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # whatever a resource raises fails its stack
        _tell(stack, failure, error)
        if stack.disable_rollback:
            _end(stack, "CREATE_FAILED")
            return
        stack._add_stack_event("ROLLBACK_IN_PROGRESS", _reason(error))
        try:
            stack.resource_map.delete()
        except Exception as left:  # noqa: BLE001
            _tell(stack, "DELETE_FAILED", left)
            _end(stack, "ROLLBACK_FAILED")
        else:
            _end(stack, "ROLLBACK_COMPLETE")


def _roll_back_changes() -> None:
    update = parsing.ResourceMap.update

    def changed_or_changed_back(
        self: parsing.ResourceMap,
        template: dict[str, Any],
        parameters: dict[str, Any] | None = None,
    ) -> None:
        before, given = copy.deepcopy(self._resource_json_map), dict(self.input_parameters)
        old = {**self._template, "Resources": before}
        try:
            update(self, template, parameters)
        except Exception as error:
            # what was not made must not be looked for
            self._resource_json_map = {
                name: stated
                for name, stated in self._resource_json_map.items()
                if name in before or name in self._parsed_resources
            }
            try:
                update(self, old, given)
            except Exception as left:  # noqa: BLE001
                raise _UpdateRollbackError(str(left)) from error
            raise

    parsing.ResourceMap.update = changed_or_changed_back  # type: ignore[method-assign]
    change = models.Stack.update

    def ended(self: models.Stack, template: str, *more: Any, **named: Any) -> None:
        before = self.template, self.template_dict
        try:
            change(self, template, *more, **named)
        except Exception as error:  # noqa: BLE001  # whatever a resource raises fails its stack
            self.template, self.template_dict = before
            _end_change(self, error)

    models.Stack.update = ended  # type: ignore[method-assign]


class _UpdateRollbackError(Exception):
    """Neither could a stack be changed, nor changed back."""


def _execute_change_sets() -> None:
    """Has change sets end as stacks do; the rest is as moto has it."""

    def execute(
        self: models.CloudFormationBackend, change_set_name: str, stack_name: str | None = None
    ) -> None:
        changes = _find(self, change_set_name, stack_name)
        stack, kind = self.stacks[changes.stack_id], changes.change_set_type
        stack._add_stack_event(f"{kind}_IN_PROGRESS", _INITIATED)
        if kind == "CREATE":
            with _rolled_back(stack, "CREATE_FAILED"):
                _apply(stack, changes)
                _export(self, stack)
        else:
            before = stack.template_dict
            try:
                _apply(stack, changes)
                _export(self, stack)
            except Exception as error:  # noqa: BLE001
                stack.template_dict = before
                _end_change(stack, error)

    models.CloudFormationBackend.execute_change_set = execute  # type: ignore[method-assign]


def _keep_what_cannot_be_deleted() -> None:
    """Has a stack stay of which a part cannot be deleted, so that it can be deleted later."""
    delete = models.CloudFormationBackend.delete_stack

    def deleted(self: models.CloudFormationBackend, name_or_stack_id: str) -> None:
        before = dict(self.stacks)
        for stack in before.values():
            if name_or_stack_id in (stack.name, stack.stack_id):
                _export(self, stack)  # which moto looks for, and has not of an update
        try:
            delete(self, name_or_stack_id)
        except Exception as error:  # noqa: BLE001  # whatever a resource raises fails its stack
            for stack_id in before.keys() - self.stacks.keys():
                stack = self.stacks[stack_id] = before[stack_id]
                _tell(stack, "DELETE_FAILED", error)
                _end(stack, "DELETE_FAILED")

    models.CloudFormationBackend.delete_stack = deleted  # type: ignore[method-assign]


def _apply(stack: models.Stack, changes: models.ChangeSet) -> None:
    changes.apply()
    changes.execution_status = "EXECUTE_COMPLETE"
    stack.template = changes.template
    _end(stack, f"{changes.change_set_type}_COMPLETE")


def _export(backend: models.CloudFormationBackend, stack: models.Stack) -> None:
    """Has other stacks know what a stack exports, which moto tells of new stacks alone."""
    backend.exports.update({export.name: export for export in stack.exports})


def _find(
    backend: models.CloudFormationBackend, name: str, stack_name: str | None
) -> models.ChangeSet:
    if name in backend.change_sets:  # an ARN
        return backend.change_sets[name]
    for changes in reversed(list(backend.change_sets.values())):
        if changes.change_set_name == name and stack_name in (
            *(None, changes.stack_name),
            changes.stack_id,
        ):
            return changes
    raise ValidationError(stack_name)


def _end_change(stack: models.Stack, error: Exception) -> None:
    _tell(stack, "UPDATE_FAILED", error)
    if isinstance(error, _UpdateRollbackError):
        _end(stack, "UPDATE_ROLLBACK_FAILED")
        return
    stack._add_stack_event("UPDATE_ROLLBACK_IN_PROGRESS", _reason(error))
    _end(stack, "UPDATE_ROLLBACK_COMPLETE")


def _tell(stack: models.Stack, status: str, error: Exception) -> None:
    """Adds the event that says which resource failed, and why."""
    logical_id, kind = getattr(error, _FAULT, (stack.name, "AWS::CloudFormation::Stack"))
    log.warning("stack %s: %s is %s: %s", stack.name, logical_id, status, _words(error))
    stack.events.append(
        models.Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=logical_id,
            physical_resource_id="",
            resource_type=kind,
            resource_status=status,
            resource_status_reason=_words(error),
            resource_properties=None,
        )
    )


def _end(stack: models.Stack, status: str) -> None:
    stack._add_stack_event(status)
    stack.status = status


def _reason(error: Exception) -> str:
    logical_id = getattr(error, _FAULT, ("",))[0]
    return f"The following resource(s) failed: [{logical_id}]. "


def _words(error: Exception) -> str:
    return str(getattr(error, "message", "") or error)
