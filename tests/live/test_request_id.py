from __future__ import annotations

import uuid

from emulator.live.request_id import new_request_id


def test_request_id_is_a_uuid_of_version_4_in_its_usual_form() -> None:
    for _ in range(1000):
        text = new_request_id()
        made = uuid.UUID(text)
        assert (str(made), made.version, made.variant) == (text, 4, uuid.RFC_4122)


def test_no_two_request_ids_are_the_same() -> None:
    assert len({new_request_id() for _ in range(10_000)}) == 10_000
