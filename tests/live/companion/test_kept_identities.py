"""What moto knows of IAM goes into a file and comes out of it the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from emulator.live.companion.identities import identities
from emulator.live.companion.kept_identities import KeptIdentities, StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNT = "111122223333"
TRUST = '{"Version": "2012-10-17", "Statement": []}'
RIGHT = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}'
)
NO_RIGHT = RIGHT.replace("Allow", "Deny")


@pytest.fixture(autouse=True)
def without_identities() -> Iterator[None]:
    reset()
    yield
    reset()


def reset() -> None:
    """Has moto know nobody, as in a new process."""
    iam_backends.reset()
    sts_backends.reset()


def backend() -> Any:
    return iam_backends[ACCOUNT]["aws"]


def make_everything() -> None:
    iam = backend()
    policy = iam.create_policy("what", "/a/", RIGHT, "call", [{"Key": "k", "Value": "v"}])
    iam.create_policy_version(policy.arn, NO_RIGHT, "true")
    iam.create_user("us-east-1", "ann", "/", [{"Key": "team", "Value": "a"}])
    iam.create_access_key("ann")
    key = iam.create_access_key("ann")
    iam.update_access_key("ann", key.access_key_id, "Inactive")
    iam.put_user_policy("ann", "own", RIGHT)
    iam.create_login_profile("ann", "secret")
    iam.create_group("callers", "/")
    iam.add_user_to_group("callers", "ann")
    iam.put_group_policy("callers", "own", RIGHT)
    iam.attach_group_policy(policy.arn, "callers")
    tags = [{"Key": "team", "Value": "a"}]
    iam.create_role("worker", TRUST, "/", policy.arn, "works", tags, "3600")
    iam.put_role_policy("worker", "own", RIGHT)
    iam.attach_role_policy(policy.arn, "worker")
    iam.create_instance_profile("box", "/", ["worker"])
    iam.create_account_alias("home")
    sts_backends[ACCOUNT]["aws"].assume_role(
        region_name="us-east-1",
        role_session_name="night",
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/worker",
        policy=NO_RIGHT,
        duration=3600,
        external_id="",
    )


def kept(path: Path) -> KeptIdentities:
    found = KeptIdentities(path)
    found.load()
    return found


def again(path: Path, identities: KeptIdentities) -> KeptIdentities:
    """Returns what a new companion has when the one with these identities has ended."""
    identities.close()
    reset()
    return kept(path)


def test_everything_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "identities.json"
    first = kept(path)
    make_everything()
    before = identities()
    first.keep()
    written = path.read_text()
    second = again(path, first)
    assert identities() == before
    second.keep()
    assert path.read_text() == written
    policy = backend().get_policy(f"arn:aws:iam::{ACCOUNT}:policy/a/call")
    assert policy.attachment_count == 2
    assert backend().get_login_profile("ann").password == "secret"
    assert [role.name for role in backend().get_instance_profile("box").roles] == ["worker"]
    with pytest.raises(Exception, match="already exists"):
        backend().create_role("worker", TRUST, "/", None, "", [], "3600")


def test_what_is_loaded_can_be_changed_and_deleted(tmp_path: Path) -> None:
    path = tmp_path / "identities.json"
    first = kept(path)
    make_everything()
    first.keep()
    second = again(path, first)
    iam = backend()
    iam.detach_role_policy(f"arn:aws:iam::{ACCOUNT}:policy/a/call", "worker")
    iam.delete_role_policy("worker", "own")
    iam.delete_instance_profile("box", ignore_attached_roles=True)
    iam.delete_role("worker")
    second.keep()
    again(path, second)
    assert list(backend().get_roles()) == []


def test_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "identities.json"
    identities = kept(path)
    make_everything()
    identities.keep()
    assert path.stat().st_mode & 0o777 == 0o600


def test_function_session_is_not_kept(tmp_path: Path) -> None:
    from emulator.live.companion.identities import add_session  # noqa: PLC0415  # beside its use

    path = tmp_path / "identities.json"
    first = kept(path)
    make_everything()
    described = identities()[ACCOUNT]["sessions"][0]
    add_session({**described, "key": "ASIAOFAFUNCTION", "account": ACCOUNT})
    first.keep()
    again(path, first)
    keys = [session["key"] for session in identities()[ACCOUNT]["sessions"]]
    assert keys == [described["key"]]


def test_role_that_an_ended_stack_left_makes_way_and_others_do_not(tmp_path: Path) -> None:
    path = tmp_path / "identities.json"
    first = kept(path)
    make_everything()
    first.keep()
    found = json.loads(path.read_text())
    found["accounts"][ACCOUNT]["roles"][0]["of_stack"] = True
    path.write_text(json.dumps(found))
    second = again(path, first)
    second.make_way(ACCOUNT, "users", "ann")
    second.make_way(ACCOUNT, "roles", "worker")
    assert list(backend().users) == ["ann"]
    assert list(backend().get_roles()) == []
    assert backend().get_instance_profile("box").roles == []
    assert backend().get_policy(f"arn:aws:iam::{ACCOUNT}:policy/a/call").attachment_count == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"version": 2, "accounts": {}}', "later version of the testbed"),
        ("{", "cannot be read"),
        ('{"version": 1}', "cannot be read"),
    ],
)
def test_file_that_cannot_be_read_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "identities.json"
    path.write_text(text)
    with pytest.raises(StateError, match=sentence):
        kept(path)
    assert path.read_text() == text
