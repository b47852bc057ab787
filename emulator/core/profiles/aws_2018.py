"""Holds profile `aws-2018` and its price table: Lambda at the time of the study.

Sources: the developer guide of that time (quotas, execution environments, scaling); idle
lifetimes and ages as measured by Wang et al., USENIX ATC'18; bodies and log lines of recordings;
AWS's pricing pages of Lambda and of API Gateway: dollars in us-east-1, first tier.
"""

from emulator.core.asynchronous.rules import AsynchronousRules
from emulator.core.policy import RecycleAge, ScaleOut, SurvivalCurve
from emulator.core.prices import Prices, Rates
from emulator.core.profile import CodeQuotas, FailureBodies, IntegrationTimeout, LogLines, Profile
from emulator.core.runtime import JvmFlags, JvmPart, runtimes

_HOUR = 3600.0

PRICES_2018 = Prices(
    name="2018",
    date="2018-12",
    x86_64=Rates(gb_second=0.00001667),
    arm64=None,
    request=0.20e-6,
    billing_step_ms=100,
    init_billed=False,
    storage_gb_second=None,
    free_storage_mb=512,
    held_step=300,
    free_requests=1_000_000,
    free_gb_seconds=400_000,
    rest_api_request=3.50e-6,
    http_api_request=None,
)

# Read off production at 3,008 MB in June 2018 by docker-lambda (2834432k, 163840k, 81920k: H), and
# what aws-sam-cli started its java8 with at 1,536 MB (1336935k, 157286k, 78643k: H). At 256 MB
# 222823k, 26214k and 13107k are widely quoted (M). All three follow from these shares and caps;
# that nothing else happens at other sizes is inferred (L).
_JAVA_8 = JvmFlags(
    reserved=(
        JvmPart("MaxMetaspaceSize", percent=10, cap_mb=160),
        JvmPart("ReservedCodeCacheSize", percent=5, cap_mb=80),
    ),
    options=(
        "-XX:+UseSerialGC",
        "-Xshare:on",
        "-XX:-TieredCompilation",
        "-Djava.net.preferIPv4Stack=true",
    ),
)

AWS_2018 = Profile(
    name="aws-2018",
    date="2018-12",
    least_memory_mb=128,
    most_memory_mb=3008,
    memory_step_mb=64,
    mb_per_vcpu=1792,
    cpu_steps=((3008, 2),),
    cpu_period_us=20_000,
    least_storage_mb=512,
    most_storage_mb=512,
    most_layers=5,
    max_timeout=300,
    init_timeout=10.0,
    provisioned_init_timeout=130.0,
    account_concurrency=1000,
    least_unreserved=100,
    requests_per_concurrency=10.0,
    scale_out=ScaleOut(burst=3000, refill_per_second=500 / 60, per_function=False),
    tenant_sandboxes_per_concurrency=None,
    keep_alive=SurvivalCurve(
        ((0, 1.0), (1620, 1.0), (1740, 0.9), (2640, 0.5), (3540, 0.1), (3900, 0.0))
    ),
    # centred on the median age that was measured; the width is unmeasured
    recycle_age=RecycleAge(5.2 * _HOUR, 7.2 * _HOUR),
    prices=PRICES_2018,
    request_limit=6_291_456,
    async_request_limit=262_144,
    response_limit=6_291_556,
    streamed_response_limit=0,
    stream_pace=None,
    environment_limit=4096,
    # the guide's limits: 50 MB, 250 MB, 75 GB of storage, 20 KB of policy (H); no images yet
    code=CodeQuotas(
        zipped=52_428_800, unzipped=262_144_000, image=0, total=80_530_636_800, policy=20_480
    ),
    # the developer guide's list after re:Invent 2018
    runtimes=(
        *runtimes("nodejs6.10", "nodejs8.10", "python2.7", "python3.6", "python3.7"),
        *runtimes("java8", jvm=_JAVA_8),
        *runtimes("ruby2.5", "go1.x", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1"),
        *runtimes("provided"),
    ),
    snapshots_of_images=False,  # there was no SnapStart before 2022-11
    log_lines=LogLines(
        init=False,  # Lambda began to report inits in 2019
        status=False,
        after_billed=" ",
        failure_before_end=False,
        timeout="{time} {request_id} Task timed out after {seconds:.2f} seconds",
        exit=("RequestId: {request_id} Process exited before completing request",),
    ),
    failure_bodies=FailureBodies(
        error_type=False,
        timeout="{time} {request_id} Task timed out after {seconds:.2f} seconds",
        exit="RequestId: {request_id} Process exited before completing request",
    ),
    # REST APIs; the guide's limits ("Integration timeout", 29 s) and its gateway response
    # INTEGRATION_TIMEOUT, as clients of that year quote the body
    integration_timeout=IntegrationTimeout(29.0, 504, b'{"message": "Endpoint request timed out"}'),
    # loops were not looked for before July 2023
    asynchronous=AsynchronousRules(most_in_a_loop=0),
)
