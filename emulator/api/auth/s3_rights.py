"""Tells which rights a request for S3 needs. Pure.

Source: "Required permissions for Amazon S3 API operations" of the S3 user guide. To delete many
objects at once needs the right to delete every object: which ones stands in the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote

from emulator.api.auth.companion_rights import ANY, Asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.api.services.request import ApiRequest

_OBJECT_ACTIONS = {
    "GET": "GetObject",
    "HEAD": "GetObject",
    "PUT": "PutObject",
    "POST": "PutObject",
    "DELETE": "DeleteObject",
}
_BUCKET_ACTIONS = {
    "GET": "ListBucket",
    "HEAD": "ListBucket",
    "PUT": "CreateBucket",
    "DELETE": "DeleteBucket",
}
_SUBRESOURCES = {
    "acl": "Acl",
    "tagging": "Tagging",
    "policy": "Policy",
    "cors": "CORS",
    "versioning": "Versioning",
    "notification": "Notification",
    "website": "Website",
    "lifecycle": "LifecycleConfiguration",
    "encryption": "EncryptionConfiguration",
    "logging": "Logging",
    "publicAccessBlock": "PublicAccessBlock",
    "object-lock": "ObjectLockConfiguration",
    "replication": "ReplicationConfiguration",
    "accelerate": "AccelerateConfiguration",
    "requestPayment": "RequestPayment",
    "ownershipControls": "OwnershipControls",
    "location": "Location",
    "policyStatus": "PolicyStatus",
}
_WITHOUT_BUCKET = frozenset(
    {"LifecycleConfiguration", "EncryptionConfiguration", "ReplicationConfiguration"}
)
"""Settings of a bucket whose action does not say so."""
_VERBS = {"GET": "Get", "HEAD": "Get", "DELETE": "Delete"}
_HOST_STYLE = ".s3"


class Place(NamedTuple):
    """Holds the bucket and the key of a request; empty where none is named."""

    bucket: str
    key: str

    @property
    def arn(self) -> str:
        if not self.bucket:
            return ANY
        return f"arn:aws:s3:::{self.bucket}" + (f"/{self.key}" if self.key else "")


def place_of(request: ApiRequest) -> Place:
    """Returns what a request is about, whether its host or its path names the bucket."""
    path = unquote(request.path).removeprefix("/")
    host = request.headers.get("host", "")
    if _HOST_STYLE in host and not host.startswith("s3"):
        return Place(host.partition(_HOST_STYLE)[0], path)
    bucket, _, key = path.partition("/")
    return Place(bucket, key if bucket else "")


def asked_of_s3(request: ApiRequest) -> Iterator[Asked]:
    """Yields the rights that a request needs, all of them."""
    place = place_of(request)
    query = dict(parse_qsl(request.query_string, keep_blank_values=True))
    if not place.bucket:
        yield Asked("s3:ListAllMyBuckets", ANY, query)
        return
    if "delete" in query and request.method == "POST":
        yield Asked("s3:DeleteObject", f"{Place(place.bucket, '*').arn}", query)
        return
    yield Asked(f"s3:{_action(request.method, place.key, query)}", place.arn, query)
    source = request.headers.get("x-amz-copy-source", "")
    if source:
        bucket, _, key = unquote(source.partition("?")[0]).removeprefix("/").partition("/")
        yield Asked("s3:GetObject", Place(bucket, key).arn, query)


def _action(method: str, key: str, query: Mapping[str, str]) -> str:
    verb = _VERBS.get(method, "Put")
    noun = next((noun for name, noun in _SUBRESOURCES.items() if name in query), "")
    if noun:
        return f"{verb}Object{noun}" if key else _setting(verb, noun)
    if "uploads" in query and not key:
        return "ListBucketMultipartUploads"
    if "uploadId" in query and method in {"GET", "DELETE"}:
        return "ListMultipartUploadParts" if method == "GET" else "AbortMultipartUpload"
    if "versions" in query and not key:
        return "ListBucketVersions"
    action = (_OBJECT_ACTIONS if key else _BUCKET_ACTIONS).get(method, "Other")
    return f"{action}Version" if key and "versionId" in query and verb != "Put" else action


def _setting(verb: str, noun: str) -> str:
    """Returns an action on a bucket's setting; to delete a setting mostly is to put one."""
    if verb == "Delete" and noun not in {"Policy", "Website"}:
        verb = "Put"
    return f"{verb}{noun}" if noun in _WITHOUT_BUCKET else f"{verb}Bucket{noun}"
