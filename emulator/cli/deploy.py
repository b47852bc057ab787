"""Takes a SAM project to a running emulator: `testbed deploy`.

Knows the emulator by its address alone, as any client does.
"""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from emulator.cli.clients import DEFAULT_URL, ask_json
from emulator.cli.options import Json, Url
from emulator.cli.output import print_json, print_table
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from emulator.core.apis import Api

_ACCOUNT = "123456789012"
_REGION = "us-east-1"


def deploy(
    template: Annotated[Path, typer.Argument(metavar="TEMPLATE", help="SAM template to deploy.")],
    *,
    url: Url = DEFAULT_URL,
    stack: Annotated[
        str, typer.Option(metavar="NAME", help="Name the stack. (default: the folder's name)")
    ] = "",
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Give a parameter a value; may be repeated."),
    ] = None,
    account: Annotated[str, typer.Option(metavar="ID", help="Deploy to this account.")] = _ACCOUNT,
    region: Annotated[str, typer.Option(metavar="NAME", help="Deploy to this region.")] = _REGION,
    as_json: Json = False,
) -> None:
    """Deploy a SAM project to an emulator, or update it."""
    from emulator.core.api_documents import document_of  # noqa: PLC0415
    from emulator.deploy.deployer import Deployer  # noqa: PLC0415  # AWS's clients are slow
    from emulator.deploy.services import Services  # noqa: PLC0415  # to import
    from emulator.sam.template import load  # noqa: PLC0415

    _check_home(account, region)
    loaded = load(
        template,
        given=_given(parameter or []),
        account=account,
        region=region,
        stack=_stack(stack or template.resolve().parent.name),
    )
    for remark in loaded.remarks:
        print(f"Not as on Lambda: {remark}", file=sys.stderr)
    ask_json(url, "GET", "/healthz")  # a sentence of ours before any of a client's

    def put_api(api: "Api") -> list[str]:
        told = ask_json(url, "PUT", f"/_testbed/apis/{quote(api.id)}", document_of(api))
        return list(told["routes"])

    deployer = Deployer(
        Services(url, account, region),
        account=account,
        region=region,
        put_api=put_api,
        progress=lambda line: print(line, file=sys.stderr),
    )
    rows = []
    for row in deployer.deploy(loaded):
        rows.append(row)
        if not as_json:
            print(f"{row.kind} {row.name}: {row.outcome}", file=sys.stderr)
    if as_json:
        print_json(rows)
        return
    print_table(
        ("WHAT", "NAME", "STATE", "AT"),
        [(row.kind, row.name, row.outcome, row.at or "-") for row in rows],
    )


def _check_home(account: str, region: str) -> None:
    from emulator.setting_checks import checked_account, checked_region  # noqa: PLC0415

    try:
        option = "--account"
        checked_account(account)
        option = "--region"
        checked_region(region)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}.") from error


def _given(words: list[str]) -> dict[str, str]:
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise SettingsError(f"--parameter: {word!r} is not NAME=VALUE.")
        found[name] = value
    return found


def _stack(text: str) -> str:
    """Returns a name that can stand in a host name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "stack"
