from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.api.cloudwatch.conftest import GROUP, NOW

if TYPE_CHECKING:
    from tests.api.cloudwatch.conftest import Watched

ARN = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"


def names(answer: dict[str, Any]) -> list[str]:
    return [group["logGroupName"] for group in answer["logGroups"]]


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    told = error.value.response["Error"]
    return told["Code"], told["Message"]


def test_create_log_group(watched: Watched) -> None:
    watched.logs.create_log_group(logGroupName=GROUP, tags={"team": "a"})
    (group,) = watched.logs.describe_log_groups()["logGroups"]
    assert group == {
        "logGroupName": GROUP,
        "creationTime": int(NOW * 1000),
        "metricFilterCount": 0,
        "arn": f"{ARN}:*",
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
        "logGroupArn": ARN,
        "deletionProtectionEnabled": False,
    }
    with pytest.raises(ClientError) as again:
        watched.logs.create_log_group(logGroupName=GROUP)
    assert refusal(again) == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )


def test_a_group_name_is_checked_against_the_model(watched: Watched) -> None:
    with pytest.raises(ClientError) as wrong:
        watched.logs.create_log_group(logGroupName="no spaces")
    code, sentence = refusal(wrong)
    assert code == "InvalidParameterException"
    assert "'logGroupName' failed to satisfy constraint" in sentence


def test_delete_log_group(watched: Watched) -> None:
    watched.wrote("line")
    watched.logs.delete_log_group(logGroupName=GROUP)
    assert watched.logs.describe_log_groups()["logGroups"] == []
    with pytest.raises(ClientError) as gone:
        watched.logs.delete_log_group(logGroupName=GROUP)
    assert refusal(gone) == (
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )


def test_a_protected_group_is_not_deleted(watched: Watched) -> None:
    watched.logs.create_log_group(logGroupName="kept", deletionProtectionEnabled=True)
    with pytest.raises(ClientError) as refused:
        watched.logs.delete_log_group(logGroupName="kept")
    assert refusal(refused)[0] == "ValidationException"


def test_describe_log_groups_by_prefix_pattern_and_page(watched: Watched) -> None:
    for name in ("/aws/lambda/one", "/aws/lambda/two", "/aws/other", "own"):
        watched.logs.create_log_group(logGroupName=name)
    describe = watched.logs.describe_log_groups
    assert names(describe(logGroupNamePrefix="/aws/lambda/")) == [
        "/aws/lambda/one",
        "/aws/lambda/two",
    ]
    assert names(describe(logGroupNamePattern="o")) == [
        "/aws/lambda/one",
        "/aws/lambda/two",
        "/aws/other",
        "own",
    ]
    first = describe(limit=3)
    assert names(first)[-1] == "/aws/other"
    rest = describe(limit=3, nextToken=first["nextToken"])
    assert names(rest) == ["own"]
    assert "nextToken" not in rest
    with pytest.raises(ClientError) as both:
        describe(logGroupNamePrefix="a", logGroupNamePattern="b")
    assert "mutually exclusive" in refusal(both)[1]


def test_a_region_has_groups_of_its_own(watched: Watched) -> None:
    elsewhere = watched.api.client("logs", region="eu-west-1")
    elsewhere.create_log_group(logGroupName=GROUP)
    assert names(watched.logs.describe_log_groups()) == []
    (group,) = elsewhere.describe_log_groups()["logGroups"]
    assert group["logGroupArn"] == ARN.replace("us-east-1", "eu-west-1")


def test_list_log_groups(watched: Watched) -> None:
    for name in ("/aws/lambda/one", "own"):
        watched.logs.create_log_group(logGroupName=name)
    found = watched.logs.list_log_groups(logGroupNamePattern="^/aws|nothing")
    assert found["logGroups"] == [
        {
            "logGroupName": "/aws/lambda/one",
            "logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/one",
            "logGroupClass": "STANDARD",
        }
    ]


def test_put_and_delete_retention_policy(watched: Watched) -> None:
    watched.logs.create_log_group(logGroupName=GROUP)

    def retention() -> int | None:
        (group,) = watched.logs.describe_log_groups()["logGroups"]
        days: int | None = group.get("retentionInDays")
        return days

    watched.logs.put_retention_policy(logGroupName=GROUP, retentionInDays=7)
    assert retention() == 7
    watched.logs.delete_retention_policy(logGroupName=GROUP)
    assert retention() is None
    with pytest.raises(ClientError) as odd:
        watched.logs.put_retention_policy(logGroupName=GROUP, retentionInDays=2)
    assert "Member must satisfy enum value set: [1, 3, 5, 7, 14," in refusal(odd)[1]


def test_tag_untag_and_list_tags_for_resource(watched: Watched) -> None:
    watched.logs.create_log_group(logGroupName=GROUP, tags={"a": "1"})
    watched.logs.tag_resource(resourceArn=ARN, tags={"b": "2"})
    assert watched.logs.list_tags_for_resource(resourceArn=ARN)["tags"] == {
        "a": "1",
        "b": "2",
    }
    watched.logs.untag_resource(resourceArn=ARN, tagKeys=["a"])
    assert watched.logs.list_tags_for_resource(resourceArn=ARN)["tags"] == {"b": "2"}
    with pytest.raises(ClientError) as many:
        watched.logs.tag_resource(resourceArn=ARN, tags={f"k{n}": "" for n in range(50)})
    assert refusal(many)[0] == "TooManyTagsException"


def test_tag_untag_and_list_tags_of_a_log_group(watched: Watched) -> None:
    watched.logs.create_log_group(logGroupName=GROUP)
    watched.logs.tag_log_group(logGroupName=GROUP, tags={"a": "1", "b": "2"})
    watched.logs.untag_log_group(logGroupName=GROUP, tags=["a"])
    assert watched.logs.list_tags_log_group(logGroupName=GROUP)["tags"] == {"b": "2"}
