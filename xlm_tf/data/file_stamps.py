"""What tells that files were changed, between a run and one that goes on."""

from pathlib import Path


def file_stamps(paths):
    """The sizes and times of files.

    Args:
        paths: iterable of str or Path, of files, or of folders for all files in them.

    Returns:
        dict from path, a str, to [bytes, nanoseconds of its last change].

    Raises:
        FileNotFoundError: there is nothing at a path.
    """
    stamps = {}
    for path in map(Path, paths):
        inside = path.rglob("*") if path.is_dir() else [path]
        for file in sorted(inside):
            if not file.is_dir():
                status = file.stat()
                stamps[str(file)] = [status.st_size, status.st_mtime_ns]
    return stamps
