"""Files and folders that are written beside their place, and put there when whole.

What stops in the middle leaves what was there before, and nothing half under the name
that was asked for.
"""

import contextlib
import contextvars
import errno
import math
import os
import re
import shutil
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows: nobody is kept out there
    fcntl = None

# No space, a quota, or a limit of the size of files.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_HALF_ARRAY = re.compile(r"\d+ requested and \d+ written")
_locks = {}
_locked = contextvars.ContextVar("folders that were locked", default=None)
_being_written = contextvars.ContextVar("folders being written", default=())


def check_output(path, inputs=()):
    """See that a file can be written without destroying what is read.

    Args:
        path: str or Path of the output.
        inputs: paths of what is read: files, or folders with files of a model.

    Raises:
        ValueError: the output is an input, under this or another name.
        FileNotFoundError: there is no folder for it.
        IsADirectoryError: it is a folder.
        PermissionError: its folder cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Name a file in it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent} to write into.")
    if not path.exists():
        check_place(path)
        return
    if path.is_file():
        check_place(Path(os.path.realpath(path)))
    for other in map(Path, inputs):
        is_same = other.is_file() and path.samefile(other)
        is_inside = other.is_dir() and path.resolve().is_relative_to(other.resolve())
        if is_same or is_inside:
            raise ValueError(
                f"The output must be another file than what is read. Received: {path} "
                f"for the output, and {other} to read."
            )


def check_place(path):
    """See that a new file or folder can be made, before the work that it is to hold.

    Args:
        path: Path. Folders above it need not exist yet.

    Raises:
        PermissionError: the folder it would be in, or be made in, cannot be written.
    """
    folder = next(above for above in path.absolute().parents if above.exists())
    if folder.is_dir() and not os.access(folder, os.W_OK):
        raise PermissionError(
            f"{path} cannot be written: the folder {folder} is read-only, or somebody "
            "else's. Choose another place."
        )


@contextlib.contextmanager
def whole_file(path, inputs=()):
    """Write a file beside its place; it gets its name when the block ends well.

    Args:
        path: str or Path. A link stays, and what it points to is replaced. What is no
            file, such as /dev/null or a pipe, is written as it is.
        inputs: see `check_output`.

    Yields:
        Path to write to.

    Raises:
        as `check_output`.
    """
    check_output(path, inputs)
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        yield path
        return
    partial = _partial(path)
    try:
        with full_disk_named(path):
            yield partial
        if path.exists():
            shutil.copymode(path, partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path):
    """Write a folder beside its place; it gets its name when the block ends well.

    Args:
        path: str or Path; must not exist. Folders above it are made.

    Yields:
        Path to write to, which does not exist yet.

    Raises:
        FileExistsError: the folder exists.
    """
    path = Path(path)
    check_new(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    try:
        with full_disk_named(path):
            yield partial
        check_new(path)  # somebody else may have been faster
        os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def replaced_files(folder, is_own):
    """Write some files of a folder; they take the old ones' place when the block ends.

    Args:
        folder: str or Path, made where it does not exist.
        is_own: function from the name of a file or folder in it to bool: whether it
            goes with the old files. All others stay.

    Yields:
        Path of an empty folder to write to. A writer within this block, which asks for
        it again, gets the same.

    Raises:
        NotADirectoryError: it is a file.
    """
    folder = Path(os.path.realpath(folder))
    if folder in _being_written.get():
        yield folder
        return
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file. Expected a folder to write to.")
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    new, old = (folder / f".{os.getpid()}.{name}" for name in ("partial", "old"))
    token = _being_written.set((*_being_written.get(), new))
    try:
        for path in (new, old):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        with full_disk_named(folder):
            yield new
        give_modes(new)
        written = {path.name for path in new.iterdir()}
        for path in list(folder.iterdir()):
            if path not in (new, old) and (is_own(path.name) or path.name in written):
                os.replace(path, old / path.name)
        for path in list(new.iterdir()):
            os.replace(path, folder / path.name)
    finally:
        _being_written.reset(token)
        for path in (new, old):
            shutil.rmtree(path, ignore_errors=True)
        if is_new and not any(folder.iterdir()):
            folder.rmdir()


def check_room(folder, size, largest_file=math.inf):
    """See that there is room, before a library writes that needs it to survive.

    On a full disk HDF5 ends the process, at the latest when it closes its files. The
    room is taken and given back: quotas and limits of the size of files count, too.

    Args:
        folder: Path of a folder that exists.
        size: int, bytes.
        largest_file: float, bytes of a file; more are several files.

    Raises:
        OSError: there is less room; `full_disk_named` says of what.
    """
    if not hasattr(os, "posix_fallocate"):  # not on macOS and Windows
        free = shutil.disk_usage(folder).free
        if free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return
    with contextlib.ExitStack() as stack:
        while size > 0:
            file = stack.enter_context(tempfile.TemporaryFile(dir=folder))
            own = min(size, int(min(largest_file, size)))
            try:
                os.posix_fallocate(file.fileno(), 0, own)
            except OSError as error:
                if error.errno in FULL:
                    raise
                return  # a file system that cannot tell
            size -= own


@contextlib.contextmanager
def full_disk_named(path):
    """Say of a full disk what was being written: Python's error does not."""
    try:
        yield
    except OSError as error:
        # NumPy says no more than how much of an array was written.
        is_array = error.errno is None and _HALF_ARRAY.fullmatch(str(error))
        number = errno.ENOSPC if is_array else error.errno
        if error.filename is not None or number not in FULL:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


@contextlib.contextmanager
def folders_unlocked():
    """Unlock the folders that are locked within, however the block ends.

    Decorates the functions that write to a folder of their own: in a notebook, the
    process outlives one that failed.
    """
    token = _locked.set([])
    try:
        yield
    finally:
        for folder in _locked.get():
            unlock_folder(folder)
        _locked.reset(token)


def claim_folder(folder, has_begun, what, own=()):
    """Lock a folder that is new, or that holds what was begun there before.

    Args:
        folder: Path; it is made where it does not exist.
        has_begun: bool, whether a beginning is in it.
        what: str, what a beginning is of, such as "a cleaning".
        own: names that may be in it without one.

    Raises:
        FileExistsError: something else is there.
        ValueError: another process writes to it.
    """
    if not has_begun:
        is_file = folder.exists() and not folder.is_dir()
        if is_file or visible_names(folder) - set(own):
            raise FileExistsError(
                f"{folder} exists, and is no beginning of {what}. Choose another "
                "output."
            )
        folder.mkdir(parents=True, exist_ok=True)
    lock_folder(folder)


def lock_folder(folder):
    """Keep other processes from writing to a folder, until `unlock_folder`.

    Or until the end of the nearest `folders_unlocked`.

    The lock ends with the process, however that ends; within a process, who locks last
    has it. Its file stays, and is empty. Where a file system knows no locks, nobody is
    kept out.

    Args:
        folder: Path of a folder that exists.

    Raises:
        ValueError: another process has locked it.
    """
    unlock_folder(folder)
    if fcntl is None:
        return
    file = open(folder / ".lock", "ab")  # noqa: SIM115  held until it is closed
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if error.errno in (errno.EACCES, errno.EAGAIN):
            raise ValueError(
                f"Another process writes to {folder}. Wait until it has ended, or "
                "choose another output."
            ) from error
        return
    _locks[folder.resolve()] = file
    if _locked.get() is not None:
        _locked.get().append(folder)


def unlock_folder(folder):
    """Let other processes write to a folder; one that is not locked stays so."""
    file = _locks.pop(folder.resolve(), None)
    if file is not None:
        file.close()


def visible_names(folder):
    """The names in a folder, without those of locks and unfinished files: set of str.

    Args:
        folder: Path; one that does not exist holds nothing.
    """
    paths = folder.iterdir() if folder.exists() else ()
    return {path.name for path in paths if not path.name.startswith(".")}


def give_modes(folder):
    """Give the files of a folder the mode that new files have, by the umask.

    Some libraries write theirs for nobody but their owner.
    """
    probe = folder / ".mode"
    probe.touch()
    mode = probe.stat().st_mode
    probe.unlink()
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(mode)


def check_new(path):
    """See that a folder can be made.

    Raises:
        FileExistsError: there is something under its name already.
        PermissionError: see `check_place`.
    """
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists. Choose another folder.")
    check_place(Path(path))


def _partial(path):
    """A hidden name in the same folder, another one for every process."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")
