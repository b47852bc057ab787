"""Takes a whole template to a running emulator: resources, layers, functions, triggers, APIs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emulator.deploy.functions import FunctionMaker
from emulator.deploy.resources import ResourceMaker
from emulator.deploy.triggers import TriggerMaker
from emulator.errors import EndpointError
from emulator.sam.extras import PolicyTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.core.apis import Api
    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.triggers import Trigger
    from emulator.deploy.services import Services
    from emulator.sam.extras import Extras
    from emulator.sam.template import Template


@dataclass(frozen=True, slots=True)
class Row:
    """Tells of one thing that was deployed."""

    kind: str
    name: str
    outcome: str
    at: str = ""
    """URL or ARN by which it is reached; empty where its name says all."""


class Deployer:
    """Deploys templates of one account and region; a second deployment updates what is there."""

    def __init__(
        self,
        services: Services,
        *,
        account: str,
        region: str,
        put_api: Callable[[Api], list[str]],
        progress: Callable[[str], None],
    ) -> None:
        """Takes who serves an API, and returns the addresses of its routes."""
        self._resources = ResourceMaker(services)
        self._functions = FunctionMaker(services, progress)
        self._triggers = TriggerMaker(services, account, region)
        self._put_api = put_api
        self._account = account
        self._progress = progress

    def deploy(self, template: Template) -> Iterator[Row]:
        """Yields a row for each thing when it is deployed.

        Raises:
            EndpointError: the emulator or a service refused; what was deployed before stays.
            TemplateError: an image has to be built first.
        """
        yield from self._resource_rows(template)
        published = {}
        for arn, folder in template.layers.items():
            published[arn], outcome = self._functions.layer(arn, folder)
            yield Row("layer", arn.split(":")[6], outcome, published[arn])
        for function in template.functions:
            extras = template.extras[function.name]
            layers = [published.get(arn, arn) for arn in extras.layers]
            done = self._functions.function(function, extras, layers, self._role(function, extras))
            yield Row("function", extras.invoked_as, done.outcome, done.url)
        for trigger in template.triggers:
            invoked = template.extras[trigger.function].invoked_as
            yield self._connected(replace(trigger, function=invoked))
        for api in template.apis:
            for address in self._put_api(_with_aliases(api, template)):
                yield Row("route", api.id, "served", address)

    def connect(self, template: Template) -> Iterator[Row]:
        """Yields a row for each resource and trigger of functions that are there already.

        Raises:
            EndpointError: the emulator or a service refused.
        """
        yield from self._resource_rows(template)
        for trigger in template.triggers:
            yield self._connected(trigger)

    def _resource_rows(self, template: Template) -> Iterator[Row]:
        for resource in template.resources:
            outcome = "created" if self._resources.make(resource) else "there"
            yield Row(resource.kind, resource.name, outcome)

    def _connected(self, trigger: Trigger) -> Row:
        return Row("trigger", trigger.function, "connected", self._triggers.make(trigger))

    def _role(self, function: FunctionConfiguration, extras: Extras) -> str:
        """Returns the ARN of a function's role; makes a role where the template names none."""
        if extras.role:
            return extras.role
        name = f"{function.name}Role"
        for policy in extras.policies:
            if isinstance(policy, PolicyTemplate):
                self._progress(
                    f"{name} is without {policy.name}: SAM's policy templates are for `sam deploy`"
                )
        try:
            self._resources.role(name, extras.policies)
        except EndpointError as error:  # functions run without, unless the emulator checks rights
            self._progress(f"{name} was not made: {error}")
        return f"arn:aws:iam::{self._account}:role/{name}"


def _with_aliases(api: Api, template: Template) -> Api:
    """Returns an API whose routes invoke functions by the aliases that SAM publishes."""
    routes = tuple(
        replace(route, function=template.extras[route.function].invoked_as) for route in api.routes
    )
    return replace(api, routes=routes)
