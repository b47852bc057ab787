from __future__ import annotations

from emulator.core.model import VersionKey
from emulator.core.provisioning import Provisioning

KEY = VersionKey.of("f")


def provisioned(count: int, *members: int) -> Provisioning:
    made = Provisioning()
    made.set(KEY, count)
    for member in members:
        made.add(KEY, member)
    return made


def test_version_is_short_until_it_has_all_that_were_asked_for() -> None:
    here = provisioned(2)
    assert (here.short(), here.missing(KEY)) == ([KEY], 2)
    here.add(KEY, 7)
    assert (here.short(), here.missing(KEY)) == ([KEY], 1)
    here.add(KEY, 3)
    assert (here.short(), here.missing(KEY)) == ([], 0)
    assert here.members(KEY) == [3, 7]


def test_versions_that_are_short_come_in_the_order_of_their_keys() -> None:
    here = Provisioning()
    for key in ("c:1", "a:2", "b:1"):
        here.set(key, 1)
    here.set("d:1", 0)
    assert here.short() == ["a:2", "b:1", "c:1"]


def test_member_that_goes_is_missed_and_one_that_failed_is_given_up() -> None:
    here = provisioned(3, 1, 2, 3)
    here.remove(KEY, 1, failed=False)
    assert (here.short(), here.missing(KEY)) == ([KEY], 1)
    here.remove(KEY, 2, failed=True)
    assert (here.short(), here.missing(KEY)) == ([KEY], 1)
    here.add(KEY, 4)
    assert (here.short(), here.missing(KEY)) == ([], 0)


def test_number_that_is_set_again_gives_nothing_up() -> None:
    here = provisioned(1, 1)
    here.remove(KEY, 1, failed=True)
    assert here.short() == []
    here.set(KEY, 1)
    assert here.short() == [KEY]


def test_surplus_is_what_is_above_the_number() -> None:
    here = provisioned(3, 1, 2, 3)
    assert here.surplus(KEY) == 0
    here.set(KEY, 1)
    assert here.surplus(KEY) == 2
    here.remove(KEY, 2, failed=False)
    assert here.surplus(KEY) == 1
    assert here.members(KEY) == [1, 3]


def test_sandbox_that_is_no_member_is_not_missed() -> None:
    here = provisioned(1, 1)
    here.remove(KEY, 9, failed=True)
    here.remove("other:1", 1, failed=True)
    assert (here.short(), here.missing(KEY), here.members(KEY)) == ([], 0, [1])


def test_version_that_is_forgotten_has_neither_members_nor_number() -> None:
    here = provisioned(2, 1)
    here.forget(KEY)
    here.remove(KEY, 1, failed=False)
    assert (here.short(), here.members(KEY), here.surplus(KEY), here.total("f")) == ([], [], 0, 0)


def test_total_is_of_all_versions_of_a_function() -> None:
    here = Provisioning()
    for key, count in (("f:1", 2), ("f:2", 3), ("ff:1", 5)):
        here.set(VersionKey(key), count)
    assert (here.total("f"), here.total("ff"), here.total("g")) == (5, 5, 0)
    here.set("f:1", 0)
    assert here.total("f") == 3
