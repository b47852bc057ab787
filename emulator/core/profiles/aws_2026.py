"""Holds profile `aws-2026`: Lambda of November 2026, as far as it differs from `aws-2025`.

An ordinary function, which AWS calls a Lambda Event Function now. The maxima of the service model
(32,768 MB of memory and of /tmp, 5,400 s) are those of Managed Instances and stand in no profile.
Letters of trust: H vendor text or primary data, M secondary or one source, L unverified. What is
not named here has had no change that is known, prices and idle lifetimes included (M).
"""

from dataclasses import replace

from emulator.core.profile import CodeQuotas, StreamPace
from emulator.core.profiles.aws_2025 import AWS_2025, JAVA_8_AND_11, JAVA_17_AND_LATER
from emulator.core.runtime import runtimes

_MB = 1024 * 1024

AWS_2026 = replace(
    AWS_2025,
    name="aws-2026",
    date="2026-11",
    # the guide's quotas: 128 to 10,240 MB in steps of 1, 512 to 10,240 MB of /tmp, 5 layers (H)
    least_memory_mb=128,
    most_memory_mb=10_240,
    memory_step_mb=1,
    least_storage_mb=512,
    most_storage_mb=10_240,
    most_layers=5,
    # 900 until 2026-11-18 (H)
    max_timeout=1800,
    # 1 MB since 2025-10-28; 413 SerializedRequestEntityTooLargeException above that (H)
    async_request_limit=_MB,
    # 200 MB since 2025-08-11; the guide's "Bandwidth limits for response streaming": the first
    # 6 MB are not capped, the rest comes at 2 MB/s at most (H)
    streamed_response_limit=200 * _MB,
    stream_pace=StreamPace(unthrottled=6 * _MB, bytes_per_second=2 * _MB),
    # 4 KB in all (H)
    environment_limit=4096,
    # the guide's quotas: 50 MB in a request, 250 MB unpacked with all layers, 10 GB of image
    # uncompressed, 75 GB of zips and layers of an account in a region, 20 KB of policy (H)
    code=CodeQuotas(
        zipped=50 * _MB,
        unzipped=250 * _MB,
        image=10_240 * _MB,
        total=75 * 1024 * _MB,
        policy=20 * 1024,
    ),
    # what botocore's model of 2026-11 has more: ruby4.0 (2026-04-22), Java on Amazon Linux 2023
    # (07-13), python3.15 and nodejs26.x (07-30) (H). None of 2025 is left out: until when a
    # deprecated one can be created was put off more than once (M). How the added JVMs are started
    # has no source: as on Amazon Linux 2 (L). SnapStart by the guide's rule of 2025, which names
    # Python 3.12 and Java 11 "and later" (H); that it holds for Amazon Linux 2023 is inferred (L)
    runtimes=(
        *AWS_2025.runtimes,
        *runtimes("nodejs26.x", "ruby4.0"),
        *runtimes("python3.15", snap_start=True),
        *runtimes("java8.al2023", jvm=JAVA_8_AND_11),
        *runtimes("java11.al2023", jvm=JAVA_8_AND_11, snap_start=True),
        *runtimes("java17.al2023", jvm=JAVA_17_AND_LATER, snap_start=True),
    ),
    snapshots_of_images=True,  # since 2026-07 (H)
)
