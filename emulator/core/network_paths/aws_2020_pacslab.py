"""Holds path `aws-2020/pacslab`: what a client of 2020 waited beside its function, as measured.

Fitted by `testbed network` to the runs of 24 April, 26 May and 4 June 2020, whose rule stands in
`emulator/experiments/network/overhead.py`; docs/network holds the table against later runs.
"""

from emulator.core.network_path import (
    Constant,
    NetworkPath,
    Quantiles,
    RoundTrips,
    Trust,
    always,
)

_WITHIN = "Within the front end's time: the data tell the sum alone."

AWS_2020_PACSLAB = NetworkPath(
    name="aws-2020/pacslab",
    description="all that a client of 2020 waited beside its warm function, in one",
    round_trip=Constant(always(0.0), Trust.LOW, _WITHIN),
    tcp=RoundTrips(0, Trust.LOW, _WITHIN),
    tls=RoundTrips(0, Trust.LOW, _WITHIN),
    api_gateway=Constant(always(0.0), Trust.LOW, _WITHIN),
    front_end=Constant(
        Quantiles(
            (
                (0.0, 0.0841),
                (0.01, 0.0865),
                (0.05, 0.0883),
                (0.1, 0.0903),
                (0.25, 0.0934),
                (0.5, 0.0985),
                (0.75, 0.1045),
                (0.9, 0.1121),
                (0.95, 0.1208),
                (0.99, 0.1668),
                (0.999, 0.4183),
                (1.0, 0.4183),
            )
        ),
        Trust.HIGH,
        "Client's time less Lambda's Duration of warm requests, 128 MB (pacslab, "
        "serverless-performance-modeling, MIT). Where the client stood, whether it kept its "
        "connection and how the sum splits is not known: the whole stands here, for both ways in.",
    ),
)
