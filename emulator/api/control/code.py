"""Takes in the code that a call brings: a zip in the request, an object of S3, or an image."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from emulator.api.services.calls import ServiceError
from emulator.errors import InvalidParameterValueError
from emulator.live.store.function_records import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.core.function_names import Scope
    from emulator.live.store.archives import Archive

_MOST_REQUEST = 69_905_067
"""Bytes of a request in AWS's refusal: 50 MB in base64."""
_SOURCES = ("ZipFile", "S3Bucket", "ImageUri")


async def code_of(
    control: Control, scope: Scope, source: Mapping[str, Any], operation: str, *, image: bool
) -> Code:
    """Returns where the code that a call brings is kept from now on.

    `source` is the call's FunctionCode, `image` whether the function is one of an image.

    Raises:
        InvalidParameterValueError: there is no code, or no valid zip, or no such object.
        ServiceError: the zip is too large for a request.
    """
    given = [name for name in _SOURCES if source.get(name)]
    if not given:
        raise InvalidParameterValueError("Please provide a source for function code.")
    if image != (given == ["ImageUri"]):
        wanted = "an ImageUri" if image else "a ZipFile or an object of S3"
        kind = "Image" if image else "Zip"
        raise InvalidParameterValueError(f"A function of PackageType {kind} needs {wanted}.")
    if len(given) > 1:
        raise InvalidParameterValueError(
            "Please do not provide other FunctionCode parameters when providing a ZipFile."
        )
    if image:
        return _image(source["ImageUri"])
    archive = await archive_of(control, scope, source, operation)
    return Code(archive.sha256, archive.size, archive.name, unzipped=archive.unzipped)


async def archive_of(
    control: Control, scope: Scope, source: Mapping[str, Any], operation: str
) -> Archive:
    """Keeps the zip of a function's or a layer's content; raises as `code_of`."""
    quotas = control.profile.code
    content = source.get("ZipFile")
    if content is None:
        bucket, key = source.get("S3Bucket", ""), source.get("S3Key", "")
        version = source.get("S3ObjectVersion", "")
        content = await control.read_object(scope, bucket, key, version)
    elif len(content) > quotas.zipped:
        raise ServiceError(
            "RequestEntityTooLargeException",
            f"Request must be smaller than {_MOST_REQUEST} bytes for the {operation} operation",
            413,
        )
    return await control.archives.keep(content, quotas.unzipped)


def _image(uri: str) -> Code:
    """Describes an image, whose digest is that in its name, else one of the name."""
    _, marked, digest = uri.partition("@sha256:")
    sha256 = digest if marked else hashlib.sha256(uri.encode()).hexdigest()
    return Code(sha256=sha256, image_uri=uri)
