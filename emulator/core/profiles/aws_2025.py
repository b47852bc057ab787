"""Holds profile `aws-2025` and its price table: Lambda at the end of 2025.

Sources: the developer guide (quotas, execution environments, scaling); idle lifetimes as measured
in public studies of 2025; bodies and log lines of recordings of 2024 to 2026; AWS's pricing pages
of Lambda and of API Gateway: dollars in us-east-1, first tier.
"""

from emulator.core.policy import RecycleAge, ScaleOut, SurvivalCurve
from emulator.core.prices import Prices, Rates
from emulator.core.profile import CodeQuotas, FailureBodies, IntegrationTimeout, LogLines, Profile
from emulator.core.runtime import JvmFlags, JvmPart, runtimes

_HOUR = 3600.0

PRICES_2025 = Prices(
    name="2025",
    date="2025-12",
    x86_64=Rates(
        gb_second=0.0000166667, provisioned_run=0.0000097222, provisioned_held=0.0000041667
    ),
    arm64=Rates(
        gb_second=0.0000133334, provisioned_run=0.0000077778, provisioned_held=0.0000033334
    ),
    request=0.20e-6,
    billing_step_ms=1,
    init_billed=True,
    storage_gb_second=0.0000000309,
    free_storage_mb=512,
    held_step=300,
    free_requests=1_000_000,
    free_gb_seconds=400_000,
    rest_api_request=3.50e-6,
    http_api_request=1.00e-6,
    # SnapStart of Python and .NET; Java's costs nothing. Two pages about prices quote the same
    # figures (M); that they are the same on arm64 is inferred (L). At least three hours of keeping:
    # the pricing page as quoted there (M)
    snapshot_cached=0.0000015046,
    snapshot_restored=0.0001397998,
)

# What aws-sam-cli starts java17 and later with, in its debug settings: for 3,008 MB the same
# MaxHeapSize=2834432k as of old, without limits of the other parts (trust M). That the heap follows
# the old shares at other sizes is inferred (L). TieredStopAtLevel=1 since Java 17: the developer
# guide, "Customize Java runtime startup behavior" (H).
JAVA_17_AND_LATER = JvmFlags(
    reserved=(JvmPart("", percent=10, cap_mb=160), JvmPart("", percent=5, cap_mb=80)),
    options=(
        "-XX:+UseSerialGC",
        "-XX:+TieredCompilation",
        "-XX:TieredStopAtLevel=1",
        "-Djava.net.preferIPv4Stack=true",
    ),
)
# aws-sam-cli has the java8 of 2018 for these two as well, with the classes' archive off (M)
JAVA_8_AND_11 = JvmFlags(
    reserved=(
        JvmPart("MaxMetaspaceSize", percent=10, cap_mb=160),
        JvmPart("ReservedCodeCacheSize", percent=5, cap_mb=80),
    ),
    options=(
        "-XX:+UseSerialGC",
        "-XX:-TieredCompilation",
        "-Djava.net.preferIPv4Stack=true",
    ),
)

AWS_2025 = Profile(
    name="aws-2025",
    date="2025-12",
    least_memory_mb=128,
    most_memory_mb=10240,
    memory_step_mb=1,
    mb_per_vcpu=1769,
    cpu_steps=((3008, 2), (5307, 3), (7076, 4), (8845, 5), (10240, 6)),
    cpu_period_us=20_000,
    least_storage_mb=512,
    most_storage_mb=10240,
    most_layers=5,
    max_timeout=900,
    init_timeout=10.0,
    provisioned_init_timeout=130.0,
    account_concurrency=1000,
    least_unreserved=100,
    requests_per_concurrency=10.0,
    scale_out=ScaleOut(burst=1000, refill_per_second=1000 / 10, per_function=True),
    # the guide's "Troubleshooting tenant isolation": 2,500 for every 1,000 of concurrency (H)
    tenant_sandboxes_per_concurrency=2.5,
    keep_alive=SurvivalCurve(
        (
            (0, 1.0),
            (180, 1.0),
            (240, 0.99),
            (270, 0.97),
            (300, 0.92),
            (315, 0.57),
            (330, 0.32),
            (345, 0.06),
            (360, 0.0),
        )
    ),
    # centred on the 2 hours of a test that Xebia published; the width is unmeasured
    recycle_age=RecycleAge(1.5 * _HOUR, 2.5 * _HOUR),
    prices=PRICES_2025,
    request_limit=6_291_456,
    async_request_limit=1_048_576,
    response_limit=6_291_556,
    streamed_response_limit=209_715_200,
    # the guide had a cap after 6 MB then too; runs of this profile were made without
    stream_pace=None,
    environment_limit=4096,
    # the guide's quotas: 50 MB, 250 MB, 10 GB of image, 75 GB of storage, 20 KB of policy (H)
    code=CodeQuotas(
        zipped=52_428_800,
        unzipped=262_144_000,
        image=10_737_418_240,
        total=80_530_636_800,
        policy=20_480,
    ),
    # the developer guide's list of supported runtimes. SnapStart: Java 11 and later since
    # 2022-11-28, Python 3.12 and .NET 8 and later since 2024-11-18 (AWS's announcements of these
    # dates, and the guide's "Supported features and limitations": H)
    runtimes=(
        *runtimes("nodejs20.x", "nodejs22.x", "nodejs24.x"),
        *runtimes("python3.10", "python3.11"),
        *runtimes("python3.12", "python3.13", "python3.14", snap_start=True),
        *runtimes("java8.al2", jvm=JAVA_8_AND_11),
        *runtimes("java11", jvm=JAVA_8_AND_11, snap_start=True),
        *runtimes("java17", "java21", "java25", jvm=JAVA_17_AND_LATER, snap_start=True),
        *runtimes("dotnet8", "dotnet10", snap_start=True),
        *runtimes("ruby3.2", "ruby3.3", "ruby3.4"),
        *runtimes("provided.al2", "provided.al2023"),
    ),
    # refused with a sentence that deployments of 2025 quote (M); they came in 2026-07 (H)
    snapshots_of_images=False,
    log_lines=LogLines(
        init=True,
        status=True,
        after_billed="",
        failure_before_end=True,
        # the line ends in an empty one
        timeout="{time} {request_id} Task timed out after {seconds:.2f} seconds\n",
        exit=("RequestId: {request_id} Error: {reason}", "{error_type}"),
    ),
    failure_bodies=FailureBodies(
        error_type=True,
        timeout="RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds",
        exit="RequestId: {request_id} Error: {reason}",
    ),
    # HTTP APIs; the guide's quotas ("Maximum integration timeout", 30 s)
    integration_timeout=IntegrationTimeout(30.0, 503, b'{"message":"Service Unavailable"}'),
)
