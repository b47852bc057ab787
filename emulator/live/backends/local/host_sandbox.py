"""Holds what sandboxes of this machine's own processes have in common, started or restored."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from emulator.host.cgroup_v1 import CgroupV1
    from emulator.host.cgroup_v2 import CgroupV2
    from emulator.host.peers import Owners, Peer
    from emulator.live.backends.sandbox_spec import SandboxSpec


class HostSandbox:
    """Has a CPU share, tells its own connections, and writes to a pipe."""

    def __init__(
        self, spec: SandboxSpec, limited: CgroupV1 | CgroupV2 | None, owners: Owners | None
    ) -> None:
        """Takes the cgroup whose CPU is `limited`, and what knows `owners` of connections."""
        self._spec = spec
        self._limited = limited
        self._owners = owners
        self._init_over = False

    async def owns(self, peer: Peer) -> bool:
        """Returns whether a connection is the sandbox's; see `SandboxProcess`."""
        return self._owners is None or await self._owners.made(peer)

    def output_until_now(self) -> asyncio.Future[None] | None:
        """Returns None: the pipe was readable before the connection on which the runtime asked."""
        return None

    def limit_cpu(self) -> None:
        """Sets the CPU share of invocations; see `SandboxProcess`."""
        self._init_over = True
        self._limit_cpu()

    def _limit_cpu(self) -> None:
        share = self._spec.cpu if self._init_over else self._spec.init_cpu
        if self._limited is not None and share:
            self._limited.limit_cpu(share.quota_us, share.period_us)
