"""Reads Amazon Resource Names. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from emulator.errors import EndpointError
from emulator.live.aws.client import Place

_PARTS = 6


@dataclass(frozen=True, slots=True)
class Arn:
    """Holds the parts of `arn:partition:service:region:account:resource`."""

    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Reads an ARN.

        Raises:
            EndpointError: the text is none.
        """
        parts = text.split(":", _PARTS - 1)
        if len(parts) != _PARTS or parts[0] != "arn":
            raise EndpointError(f"{text} is no ARN")
        return cls(*parts[2:])

    @property
    def place(self) -> Place:
        """Returns the region and account; S3's ARNs have neither."""
        return Place(self.region, self.account)
