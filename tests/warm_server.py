"""A server that forks the processes of the crash tests and races: each a process of its own, none of which imports or compiles.

Such a process really dies by SIGKILL, and makes its own connections. What it has from the server is what any process has a
minute after its start: modules, the application and the statements SQLAlchemy has compiled.
"""

import gc
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any, NoReturn

import pytest

PATIENCE_SECONDS = 60
PRELOADED = ["tests.crash.process", "tests.race.racers"]
Call = tuple[Callable[..., None], tuple[Any, ...]]


class WarmServer:
    """Be the test's end of the line to the server."""

    def __init__(self) -> None:
        # Not a copy of the testing process: no connection, lock or thread of a test is in the server or in what it forks.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        self.rehearsed: set[str] = set()
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def rehearse(self, does: Callable[..., None], *args: Any) -> None:
        """Do something in the server itself, so that what is forked from it has done it before; how it goes, no one asks."""
        self._asked("rehearse", [(does, args)])

    def run(self, does: Callable[..., None], *args: Any) -> int:
        """Do something in a process of its own; return its exit code, negative for the signal that ended it."""
        (code,) = self._asked("run", [(does, args)])
        return code

    def race(self, *calls: Call) -> list[int]:
        """Do all of it at once, a process each, which gets the barrier of them all before its arguments."""
        return self._asked("race", calls)

    def end(self) -> None:
        """Let the server go."""
        self._line.close()
        self._process.join(PATIENCE_SECONDS)

    def _asked(self, how: str, calls: Any) -> list[int]:
        self._line.send((how, list(calls)))
        assert self._line.poll(PATIENCE_SECONDS + 10), "the warm server hangs"
        codes: list[int] = self._line.recv()
        return codes


@pytest.fixture(scope="session")
def warm_server() -> Iterator[WarmServer]:
    """Start one warm server for the whole run."""
    server = WarmServer()
    yield server
    server.end()


def _serve(line: Connection) -> None:
    while True:
        try:
            how, calls = line.recv()
        except EOFError:
            return
        if how == "rehearse":
            ((does, args),) = calls
            line.send([_done(does, args)])
            gc.freeze()  # what is shared with the forks stays shared
            continue
        barrier = multiprocessing.get_context("fork").Barrier(len(calls)) if how == "race" else None
        forked = [_forked(does, args, barrier) for does, args in calls]
        line.send([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in forked])


def _forked(does: Callable[..., None], args: tuple[Any, ...], barrier: Barrier | None) -> int:
    return os.fork() or _lives(does, args if barrier is None else (barrier, *args))


def _lives(does: Callable[..., None], args: tuple[Any, ...]) -> NoReturn:
    signal.alarm(PATIENCE_SECONDS)  # what hangs dies of SIGALRM
    os._exit(_done(does, args))


def _done(does: Callable[..., None], args: tuple[Any, ...]) -> int:
    try:
        does(*args)
    except BaseException:  # noqa: BLE001 - whatever it is, the test is told by the exit code and the reader by the words
        traceback.print_exc()
        return 1
    return 0
