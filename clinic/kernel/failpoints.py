"""Named points where a crash is tested: the process kills itself on reaching the one that is set."""

import os
import signal

_names: dict[str, str] = {}


def declare(name: str, meaning: str) -> str:
    """Register a failpoint once, at import, and return its name."""
    _names[name] = meaning
    return name


def reach(name: str) -> None:
    """Kill this process at once (SIGKILL) when `CLINIC_FAILPOINT` names this point; otherwise do nothing."""
    assert name in _names, name
    if os.environ.get("CLINIC_FAILPOINT") == name:
        os.kill(os.getpid(), signal.SIGKILL)


def every() -> dict[str, str]:
    """List the declared points with what has happened by then."""
    return dict(sorted(_names.items()))
