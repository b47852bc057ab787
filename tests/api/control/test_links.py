"""Links to code work for a while, for one file, and are nobody else's to make."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from emulator.api.control.links import VALID, Links


class Clock:
    at = 1000.0

    def now(self) -> float:
        return self.at


def words(url: str) -> tuple[str, str]:
    query = parse_qs(urlsplit(url).query)
    return query["expires"][0], query["signature"][0]


def test_link_names_the_host_by_which_the_client_asked() -> None:
    assert Links().link("emulator:8000", "f00").startswith("http://emulator:8000/_testbed/code/f00")


def test_link_ends() -> None:
    clock = Clock()
    links = Links(clock.now)
    expires, signature = words(links.link("host", "f00"))
    clock.at += VALID - 1
    assert links.allows("f00", expires, signature)
    clock.at += 2
    assert not links.allows("f00", expires, signature)
    assert not links.allows("f00", str(int(expires) + 100), signature)


def test_link_is_for_one_file_and_one_emulator() -> None:
    links = Links()
    expires, signature = words(links.link("host", "f00"))
    assert links.allows("f00", expires, signature)
    assert not links.allows("f01", expires, signature)
    assert not Links().allows("f00", expires, signature)
    assert not links.allows("f00", "", "")
    assert not links.allows("f00", expires, "é")
