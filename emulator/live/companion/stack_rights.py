"""Tells which rights a stack needs to make, change or delete what moto makes of a template. Pure.

CloudFormation acts with its caller's rights, or those of the role it was given: each resource
takes the actions of its service that make it. Sources: the Service Authorization Reference, and the
handlers' permissions in CloudFormation's resource schemas. A resource whose ARN is not told here
is `*`, so that a right to one resource alone is none to it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Step(IntEnum):
    """Says what is done to a resource."""

    MAKE = 0
    CHANGE = 1
    REMOVE = 2


class StackRight(NamedTuple):
    """Holds one right that a step needs."""

    action: str
    resource: str
    service: str = ""
    """The service to which a role is passed, `states.amazonaws.com`; empty for other actions."""


class Place(NamedTuple):
    """Says where a stack is."""

    account: str
    region: str


_ANY = "*"
_PREFIXES = {
    "ElasticLoadBalancingV2": "elasticloadbalancing",
    "EFS": "elasticfilesystem",
    "EMR": "elasticmapreduce",
    "StepFunctions": "states",
    "ApiGatewayV2": "apigateway",
}
"""Prefixes of actions that are not a service's name in small letters."""
_VERBS = ("Create", "Update", "Delete")
_MODIFIED = frozenset({"rds", "redshift", "elasticloadbalancing"})
"""Services whose things are modified, not updated."""
_ACTIONS: Mapping[str, tuple[str, str, str]] = {
    "AWS::AutoScaling::ScheduledAction": (
        *("PutScheduledUpdateGroupAction",) * 2,
        "DeleteScheduledAction",
    ),
    "AWS::Batch::JobDefinition": (*("RegisterJobDefinition",) * 2, "DeregisterJobDefinition"),
    "AWS::CloudWatch::Dashboard": (*("PutDashboard",) * 2, "DeleteDashboards"),
    "AWS::EC2::EIP": (*("AllocateAddress",) * 2, "ReleaseAddress"),
    "AWS::EC2::FlowLog": (*("CreateFlowLogs",) * 2, "DeleteFlowLogs"),
    "AWS::EC2::Instance": ("RunInstances", "ModifyInstanceAttribute", "TerminateInstances"),
    "AWS::EC2::SecurityGroupIngress": (
        *("AuthorizeSecurityGroupIngress",) * 2,
        "RevokeSecurityGroupIngress",
    ),
    "AWS::EC2::SpotFleet": (*("RequestSpotFleet",) * 2, "CancelSpotFleetRequests"),
    "AWS::EC2::SubnetRouteTableAssociation": (
        *("AssociateRouteTable",) * 2,
        "DisassociateRouteTable",
    ),
    "AWS::EC2::VPCGatewayAttachment": (*("AttachInternetGateway",) * 2, "DetachInternetGateway"),
    "AWS::EC2::VolumeAttachment": (*("AttachVolume",) * 2, "DetachVolume"),
    "AWS::ECS::TaskDefinition": (*("RegisterTaskDefinition",) * 2, "DeregisterTaskDefinition"),
    "AWS::EMR::Cluster": ("RunJobFlow", "ModifyCluster", "TerminateJobFlows"),
    "AWS::EMR::InstanceGroupConfig": ("AddInstanceGroups", *("ModifyInstanceGroups",) * 2),
    "AWS::Events::Rule": (*("PutRule",) * 2, "DeleteRule"),
    "AWS::IAM::ManagedPolicy": ("CreatePolicy", "CreatePolicyVersion", "DeletePolicy"),
    "AWS::KMS::Key": ("CreateKey", "PutKeyPolicy", "ScheduleKeyDeletion"),
    "AWS::Kinesis::Stream": ("CreateStream", "UpdateShardCount", "DeleteStream"),
    "AWS::Logs::LogGroup": ("CreateLogGroup", "PutRetentionPolicy", "DeleteLogGroup"),
    "AWS::Logs::ResourcePolicy": (*("PutResourcePolicy",) * 2, "DeleteResourcePolicy"),
    "AWS::Route53::RecordSet": ("ChangeResourceRecordSets",) * 3,
    "AWS::Route53::RecordSetGroup": ("ChangeResourceRecordSets",) * 3,
    "AWS::S3::Bucket": ("CreateBucket", "PutBucketPolicy", "DeleteBucket"),
    "AWS::SNS::Subscription": ("Subscribe", "SetSubscriptionAttributes", "Unsubscribe"),
    "AWS::SNS::Topic": ("CreateTopic", "SetTopicAttributes", "DeleteTopic"),
    "AWS::SQS::Queue": ("CreateQueue", "SetQueueAttributes", "DeleteQueue"),
    "AWS::SSM::Parameter": (*("PutParameter",) * 2, "DeleteParameter"),
}
"""Actions to make, change and delete resources of types that others do not explain."""
_ARNS: Mapping[str, str] = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::Events::EventBus": "arn:aws:events:{region}:{account}:event-bus/{name}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{name}",
    "AWS::IAM::AccessKey": "arn:aws:iam::{account}:user/{UserName}",
    "AWS::IAM::InstanceProfile": "arn:aws:iam::{account}:instance-profile{path}{name}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy{path}{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role{path}{name}",
    "AWS::IAM::User": "arn:aws:iam::{account}:user{path}{name}",
    "AWS::Kinesis::Stream": "arn:aws:kinesis:{region}:{account}:stream/{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Subscription": "{TopicArn}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::SSM::Parameter": "arn:aws:ssm:{region}:{account}:parameter/{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
}
_METHODS = ("POST", "PATCH", "DELETE")
"""What actions of API Gateway are called."""
_PRINCIPALS = {"elasticfilesystem": "elasticfilesystem", "ecs": "ecs-tasks"}
_ROLES = ":role/"
_DOCUMENTS = ("AssumeRolePolicyDocument", "PolicyDocument", "KeyPolicy", "Policies", "Roles")
"""Properties in which the ARN of a role passes nothing on."""


def stack_rights(
    kind: str, step: Step, name: str, properties: Mapping[str, Any], place: Place
) -> list[StackRight]:
    """Returns the rights for one step with a resource (`AWS::IAM::Role`), all of which are needed.

    `name` is the resource's, or its ARN or address.
    """
    service = _service(kind)
    if service == "lambda":
        return []  # the emulator's own API asks
    if kind == "AWS::IAM::Policy":
        return list(_inline(step, properties, place))
    arn = _arn(kind, name, properties, place)
    rights = [StackRight(f"{service}:{_action(kind, service, step)}", arn)]
    if step is not Step.REMOVE:
        rights += _beside(kind, arn, properties)
        rights += _passed(service, properties)
    return rights


def _service(kind: str) -> str:
    parts = kind.split("::")
    if len(parts) != 3 or parts[0] != "AWS":  # noqa: PLR2004  # AWS::SERVICE::RESOURCE
        return "cloudformation"  # Custom::… and its like
    return _PREFIXES.get(parts[1], parts[1].lower())


def _action(kind: str, service: str, step: Step) -> str:
    if service == "apigateway":
        return _METHODS[step]
    if kind in _ACTIONS:
        return _ACTIONS[kind][step]
    verb = "Modify" if step is Step.CHANGE and service in _MODIFIED else _VERBS[step]
    return f"{verb}{kind.rpartition('::')[2]}"


def _arn(kind: str, name: str, properties: Mapping[str, Any], place: Place) -> str:
    form = _ARNS.get(kind)
    if name.startswith("arn:"):
        return name
    if form is None:
        return _ANY
    stated = {member: value for member, value in properties.items() if isinstance(value, str)}
    known = {"name": name.rpartition("/")[2] if "://" in name else name.lstrip("/")}
    known |= {"path": stated.get("Path", "/"), **place._asdict()}
    try:
        return form.format_map({**stated, **known})
    except KeyError:
        return _ANY


def _inline(step: Step, properties: Mapping[str, Any], place: Place) -> Iterator[StackRight]:
    """Yields the rights to inline policies that are resources of their own."""
    verb = "Delete" if step is Step.REMOVE else "Put"
    for member, holder in (("Roles", "Role"), ("Users", "User"), ("Groups", "Group")):
        for stated in properties.get(member) or ():
            name = stated if isinstance(stated, str) else _ANY  # a reference
            arn = f"arn:aws:iam::{place.account}:{holder.lower()}/{name}"
            yield StackRight(f"iam:{verb}{holder}Policy", arn)


def _beside(kind: str, arn: str, properties: Mapping[str, Any]) -> Iterator[StackRight]:
    """Yields what a resource needs for a part of it that has an action of its own."""
    holder = kind.rpartition("::")[2]
    for member, action in _PARTS.get(kind, ()):
        if properties.get(member):
            yield StackRight(action.format(holder=holder), arn)
    for member, action, other in _ON_OTHERS.get(kind, ()):
        for name in properties.get(member) or ():
            yield StackRight(action, f"arn:aws:iam::{arn.split(':')[4]}:{other}/{name}")
    if kind == "AWS::IAM::InstanceProfile":
        account = arn.split(":")[4]
        for role in properties.get("Roles") or ():
            yield StackRight("iam:AddRoleToInstanceProfile", arn)
            passed = f"arn:aws:iam::{account}:role/{role}"
            yield StackRight("iam:PassRole", passed, "ec2.amazonaws.com")


_HOLDER = (
    ("Policies", "iam:Put{holder}Policy"),
    ("ManagedPolicyArns", "iam:Attach{holder}Policy"),
    ("PermissionsBoundary", "iam:Put{holder}PermissionsBoundary"),
    ("Tags", "iam:Tag{holder}"),
)
_PARTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "AWS::IAM::Role": _HOLDER,
    "AWS::IAM::User": (*_HOLDER, ("LoginProfile", "iam:CreateLoginProfile")),
    "AWS::Events::Rule": (("Targets", "events:PutTargets"),),
    "AWS::S3::Bucket": (
        ("NotificationConfiguration", "s3:PutBucketNotification"),
        ("Tags", "s3:PutBucketTagging"),
    ),
}
"""By type: properties, and the action that each needs as well."""
_ON_OTHERS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "AWS::IAM::User": (("Groups", "iam:AddUserToGroup", "group"),),
    "AWS::IAM::ManagedPolicy": (
        ("Roles", "iam:AttachRolePolicy", "role"),
        ("Users", "iam:AttachUserPolicy", "user"),
        ("Groups", "iam:AttachGroupPolicy", "group"),
    ),
}
"""By type: properties that name others, and the action that is needed on each of these."""


def _passed(service: str, properties: Mapping[str, Any]) -> Iterator[StackRight]:
    """Yields the right to pass on each role that a resource is given."""
    principal = f"{_PRINCIPALS.get(service, service)}.amazonaws.com"
    for role in sorted(set(_roles(properties))):
        yield StackRight("iam:PassRole", role, principal)


def _roles(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            if name not in _DOCUMENTS:
                yield from _roles(one)
    elif isinstance(value, list):
        for one in value:
            yield from _roles(one)
    elif isinstance(value, str) and value.startswith("arn:") and _ROLES in value:
        yield value
