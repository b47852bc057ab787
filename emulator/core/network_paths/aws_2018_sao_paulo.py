"""Holds path `aws-2018/sao-paulo-us-east-1`: the study's likely way from its clients to Lambda.

Every constant was decided, with its reason, before a request was run over the path. What the
study's own figures imply was known by then (mean latencies of c + x * 512 / MB with c near 170 ms):
no constant below was chosen to meet that, and a sum near that is no proof.
"""

from emulator.core.network_path import (
    Constant,
    Limit,
    NetworkPath,
    RoundTrips,
    Trust,
    always,
    evenly,
)
from emulator.core.placement import Placement

AWS_2018_SAO_PAULO = NetworkPath(
    name="aws-2018/sao-paulo-us-east-1",
    description="from São Paulo to Lambda in us-east-1, in 2018",
    round_trip=Constant(
        evenly(0.115, 0.125),
        Trust.LOW,
        "Round trips of 115 to 125 ms between São Paulo and Virginia, from memory of published "
        "region-to-region tables; the study does not say where its clients stood. Evenly spread, "
        "as no shape is known, and without a tail, so that no maximum comes from here.",
    ),
    tcp=RoundTrips(1, Trust.HIGH, "RFC 9293, 3.5: SYN and SYN-ACK before the first data."),
    tls=RoundTrips(
        2,
        Trust.HIGH,
        "RFC 5246, 7.3: two round trips in a full TLS 1.2 handshake, of which JMeter's Java of "
        "the time makes one for every new connection; TLS 1.3 came to API Gateway later.",
    ),
    api_gateway=Constant(
        evenly(0.010, 0.090),
        Trust.LOW,
        "At most the 90 ms by which calls through API Gateway took longer than direct ones "
        "(Serverless forum, thread 3891, about ten clicks: M); at least the 10 ms that guides "
        "name as the least of a REST API (L). Evenly between, as nothing tells more.",
    ),
    front_end=Constant(
        always(0.010),
        Trust.LOW,
        "Authorization, placement lookup and proxying of a warm Invoke take some ms within a "
        "region; no figure of 2018 is at hand.",
    ),
    idle_connection=Limit(
        310.0,
        Trust.LOW,
        "API Gateway's idle connections are said to end after 310 s, from memory of its notes; the "
        "study's single requests are 6 minutes apart and more, so that each pays for a new one.",
    ),
    placement=Placement(
        ((0.0, 0.0), (65.0, 2.0)),
        Trust.LOW,
        "Two of the study's own numbers fit a wait of 2 s for a package of about 65 MB; a line "
        "through nothing for nothing. Measurements of 2021 give three times as much a MB, with "
        "the loading of the code in them.",
    ),
)
