"""Checks that every account of the sandboxes agrees with the sandboxes themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.model import SandboxState

if TYPE_CHECKING:
    from emulator.core.model import Sandbox
    from emulator.core.sandboxes.moves import Moves

_NEVER: Final = float("inf")


def check_accounts(moves: Moves) -> None:
    """Raises AssertionError where an account disagrees; looks at everything that is kept."""
    sandboxes = moves.sandboxes
    for sandbox in sandboxes.values():
        _check_sandbox(sandbox, moves)
    idle = {each.id for each in sandboxes.values() if each.state is SandboxState.IDLE}
    moves.idle.check(idle)
    moves.room.check(sandboxes.values())
    moves.provisioning.check(sandboxes)
    moves.tenants.check(sandboxes.values())
    moves.cells.pool.check()
    assert moves.room.cells_mb == moves.cells.pool.held_mb, (
        "stem cells count otherwise than they are"
    )
    if moves.policy is not None:
        moves.policy.policy.check(tuple(moves.idle.evictable()))


def _check_sandbox(sandbox: Sandbox, moves: Moves) -> None:
    state, what = sandbox.state, f"sandbox {sandbox.id}, {sandbox.state.name}"
    assert state is not SandboxState.GONE, f"{what}: still known"
    timed = state in (SandboxState.STARTING, SandboxState.BUSY) or not sandbox.placed
    if state is SandboxState.IDLE:
        timed = min(sandbox.keep_alive, sandbox.recycle_at) < _NEVER
        assert sandbox.invocation is None, f"{what}: has an invocation"
        assert not sandbox.retired, f"{what}: its version is retired"
        evictable = moves.idle.is_evictable(sandbox)
        assert evictable is not sandbox.provisioned, f"{what}: evictable {evictable}"
    assert moves.deadlines.has(sandbox.id) is timed, f"{what}: deadline {not timed}"
    if state is SandboxState.BUSY:
        assert sandbox.invocation is not None, f"{what}: runs nothing"
        assert not sandbox.prewarmed, f"{what}: still counts as started ahead of need"
