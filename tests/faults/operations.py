"""Count what a command does to the files of a folder, and let one of these operations fail or be the command's last.

Python's own calls are replaced while the `with` block lasts. What libraries write in C is not seen, but its flush and
its rename are, since the product does these itself.
"""

import builtins
import fcntl
import io
import os
import re
import stat
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from unittest import mock

_MADE_UP: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=[.-])\d{2,}(?=[-/]|$)|(?<=-)(?:[0-9a-f]{8}){1,2}(?=\W|$)|(?<=preflight-)\w+"
)
"""Parts of names that are new each time: tokens, process ids."""


class Killed(BaseException):
    """The process is dead: no handler of the product may catch this."""


@dataclass(frozen=True)
class Operation:
    """One operation on a file or folder.

    Attributes:
        name: such as `write` or `replace`.
        path: inside the watched folder; the target of a rename.
        locked: whether a lock is held meanwhile.
    """

    name: str
    path: str
    locked: bool = False

    def __str__(self) -> str:
        return f"{self.name} {_MADE_UP.sub('*', self.path)}"


Strike = Callable[["Operations", Operation, Callable[..., Any]], Any]
"""What happens at the operation that is struck: gets what does it, of a write also a given share of it."""


@dataclass
class Operations:
    """Watch a folder while the `with` block lasts.

    Attributes:
        folder: the folder; what happens elsewhere is not seen.
        number: of the operation that is struck, from 0; none counts only.
        strike: what happens at it.
        keep_locks: locks that are held when the process dies stay, as those of a child that lives on do.
        die: ends the process.
    """

    folder: Path
    number: int | None = None
    strike: Strike | None = None
    keep_locks: bool = False
    die: Callable[[], None] | None = None
    seen: list[Operation] = field(default_factory=list)
    dead: bool = False
    failing: int | None = None
    """Number of the error that everything that needs room or storage meets from now on."""
    clock_s: float = 0.0
    """How far the wall clock is off."""
    slept_s: float = 0.0
    _real: dict[str, Callable[..., Any]] = field(default_factory=dict)
    _flushed: dict[int, int] = field(default_factory=dict)
    _locks: dict[int, int] = field(default_factory=dict)
    _held: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self.folder = self.folder.resolve()
        for name in ("replace", "rename", "link", "symlink"):
            self._patch(os, name, self._renaming(name))
        for name in ("unlink", "remove", "mkdir", "rmdir"):
            self._patch(os, name, self._on_path("unlink" if name == "remove" else name, getattr(os, name)))
        for name in ("fsync", "write", "ftruncate"):
            self._patch(os, name, self._on_handle(name, getattr(os, name)))
        self._patch(os, "open", self._os_open)
        self._patch(io, "open", self._open)
        self._patch(builtins, "open", self._open)
        self._patch(fcntl, "flock", self._flock)
        now, monotonic = time.time, time.monotonic
        self._patch(time, "time", lambda: now() + self.clock_s)
        self._patch(time, "monotonic", lambda: monotonic() + self.slept_s)
        self._patch(time, "sleep", self._sleep)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the real calls back; locks that are kept stay until `let_go`."""
        self._held.close()

    def let_go(self) -> None:
        """Release the locks that were kept."""
        while self._locks:
            os.close(self._locks.popitem()[1])

    def kill(self) -> None:
        """End the process: nothing that it does from here on has an effect."""
        self.dead = True
        if self.die is not None:
            self.die()
        raise Killed

    def lose_unflushed(self) -> None:
        """Cut files back to what was flushed, as a power cut does at worst; names stay."""
        for path in self.folder.rglob("*"):
            about = path.lstat()
            kept = self._flushed.get(about.st_ino)
            if stat.S_ISREG(about.st_mode) and kept is not None and kept < about.st_size:
                os.truncate(path, kept)

    def inside(self, path: Any, folder: int | None = None) -> Path | None:
        """Return the absolute path where it is watched, else none."""
        if isinstance(path, int):
            try:
                path = os.readlink(f"/proc/self/fd/{path}")
            except OSError:
                return None
        text = os.fsdecode(path)
        if folder is not None:
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
        text = os.path.abspath(text)
        return Path(text) if text.startswith(f"{self.folder}/") else None

    def at(self, name: str, path: Path, act: Callable[..., Any]) -> Any:
        """Do an operation, unless it is the one that is struck, or the process is dead."""
        if self.dead:
            raise Killed
        operation = Operation(name, str(path.relative_to(self.folder)), bool(self._locks))
        self.seen.append(operation)
        if self.strike is not None and len(self.seen) - 1 == self.number:
            return self.strike(self, operation, act)
        if self.failing is not None and name in NEEDS_ROOM:
            raise OSError(self.failing, os.strerror(self.failing), str(path))
        done = act()
        self.turn_clock(path)
        return done

    def turn_clock(self, path: Path) -> None:
        """Give a file the time that the clock tells, where that is off."""
        if self.clock_s and path.exists():
            os.utime(path, (time.time(), time.time()))

    def wrote(self, inode: int, flushed: int) -> None:
        """Remember how much of a file was flushed when it was first written to."""
        self._flushed.setdefault(inode, flushed)

    def closed(self, handle: int) -> None:
        """Let go of the lock of a file that is closed, unless the process is dead."""
        if not self.dead and (kept := self._locks.pop(handle, None)) is not None:
            os.close(kept)

    def _patch(self, module: Any, name: str, call: Callable[..., Any]) -> None:
        self._real[f"{module.__name__}.{name}"] = getattr(module, name)
        self._held.enter_context(mock.patch.object(module, name, call))

    def _renaming(self, name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(source: Any, target: Any, **options: Any) -> Any:
            path = self.inside(target)
            if path is None:
                return real(source, target, **options)

            def act() -> None:
                if name in {"replace", "rename"}:  # written in C and never flushed: nothing of it need be there
                    self.wrote(os.stat(source).st_ino, 0)
                real(source, target, **options)

            return self.at(name, path, act)

        return call

    def _on_path(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *given: Any, dir_fd: int | None = None) -> Any:
            options = {} if dir_fd is None else {"dir_fd": dir_fd}
            watched = self.inside(path, dir_fd)
            if watched is None:
                return real(path, *given, **options)
            # No more than a question: there is nothing to do. A dead process asks none.
            if not self.dead and os.path.lexists(watched) == (name == "mkdir"):
                return real(path, *given, **options)
            return self.at(name, watched, lambda: real(path, *given, **options))

        return call

    def _on_handle(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(handle: int, *given: Any) -> Any:
            path = self.inside(handle)
            if path is None:
                return real(handle, *given)

            def act(share: float = 1.0) -> Any:
                about = os.fstat(handle)
                if name == "write":
                    self.wrote(about.st_ino, about.st_size)
                    return real(handle, given[0][: int(len(given[0]) * share)])
                if name == "ftruncate":
                    return real(handle, *given)
                # Not for real: it would only take time. Of folders nothing is remembered.
                if stat.S_ISREG(about.st_mode):
                    self._flushed[about.st_ino] = about.st_size
                return None

            return self.at(name, path, act)

        return call

    def _os_open(self, path: Any, flags: int, *given: Any, **options: Any) -> int:
        real = self._real["os.open"]
        watched = self.inside(path, options.get("dir_fd")) if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) else None
        if watched is None:
            return int(real(path, flags, *given, **options))
        return int(self.at("open", watched, lambda: real(path, flags, *given, **options)))

    def _open(self, file: Any, mode: str = "r", buffering: int = -1, *given: Any, **options: Any) -> Any:
        path = None if isinstance(file, int) else self.inside(file)
        if path is None or not set(mode) & set("wax+"):
            return self._real["io.open"](file, mode, buffering, *given, **options)
        raw = self.at("open", path, lambda: _Raw(self, path, mode))
        if buffering == 0:
            return raw
        whole = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return whole
        options.pop("closefd", None)
        return io.TextIOWrapper(whole, *given, line_buffering=buffering == 1, **options)

    def _flock(self, file: Any, kind: int) -> None:
        self._real["fcntl.flock"](file, kind)
        handle = file if isinstance(file, int) else file.fileno()
        if kind & fcntl.LOCK_EX and self.inside(handle) is not None:
            self._locks[handle] = os.dup(handle) if self.keep_locks else os.open(os.devnull, os.O_RDONLY)

    def _sleep(self, seconds: float) -> None:
        self.slept_s += seconds


NEEDS_ROOM: Final = frozenset({"open", "write", "mkdir", "fsync", "symlink", "link"})
"""What a full disk refuses; names can still be changed and removed."""


class _Raw(io.FileIO):
    """A file that is written to through `Operations`."""

    def __init__(self, operations: Operations, path: Path, mode: str) -> None:
        self._operations, self._path = operations, path
        super().__init__(os.fspath(path), mode.replace("b", "").replace("t", ""))
        about = os.fstat(self.fileno())
        operations.wrote(about.st_ino, about.st_size)

    def write(self, data: Any, /) -> int:
        """Write."""
        if self._operations.dead:  # the buffers of a dead process reach no file
            return memoryview(data).nbytes
        content = bytes(data)

        def act(share: float = 1.0) -> int:
            return io.FileIO.write(self, content[: int(len(content) * share)])

        return int(self._operations.at("write", self._path, act))

    def truncate(self, size: int | None = None, /) -> int:
        """Truncate."""
        if self._operations.dead:
            return 0
        return int(self._operations.at("truncate", self._path, lambda: io.FileIO.truncate(self, size)))

    def close(self) -> None:
        """Close, which lets go of a lock."""
        if not self.closed:
            self._operations.closed(self.fileno())
        super().close()
