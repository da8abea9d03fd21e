"""Files and folders as such: found or refused, read, written whole or not at all."""

import contextlib
import csv
import errno
import io
import os
import re
import shutil
import tempfile
import warnings
import zlib
from pathlib import Path

from landmark.script.errors import InputError

_PART = ".part"
_LEFTOVER = re.compile(r"\.(\d+)-")


@contextlib.contextmanager
def replace_when_done(path):
    """Gives a temporary path in the folder of `path`, and moves it there on success.

    Whatever goes wrong, no half-written file stands under its final name. The temporary
    name keeps the suffix, for writers that go by it, and is short, as the final one may
    be as long as a name can be. `remove_leftovers` knows it.

    Raises:
        OSError: the disk is full, say; it names the file.
    """
    path = Path(path)
    short = f"{zlib.crc32(os.fsencode(path.name)):08x}"
    temporary = path.with_name(f".{os.getpid()}-{short}{_PART}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder):
    """Removes temporary files and folders of runs that were killed, in this folder.

    Those of processes that live are left alone.
    """
    for path in Path(folder).glob(f".*{_PART}*"):
        number = _LEFTOVER.match(path.name)
        if number and not _is_alive(int(number[1])):
            with contextlib.suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_alive(process):
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # It is another user's.
        return True
    return True


@contextlib.contextmanager
def temporary_folder(folder):
    """Gives a folder for what is not done yet, within a folder; it is removed after.

    `remove_leftovers` knows it.
    """
    prefix = f".{os.getpid()}-"
    with tempfile.TemporaryDirectory(dir=folder, prefix=prefix, suffix=_PART) as path:
        yield Path(path)


@contextlib.contextmanager
def lock(folder, what):
    """Keeps other processes out of a folder, as long as this one lives.

    The lock goes with the process, however it ends.

    Args:
        folder: the folder.
        what: that must not run twice, for the error.

    Raises:
        InputError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such locks.
        yield
        return
    place = os.open(folder, os.O_RDONLY)  # A folder can be locked, too.
    try:
        _lock_or_refuse(fcntl, place, folder, what)
        yield
    finally:
        os.close(place)


def _lock_or_refuse(fcntl, place, folder, what):
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):  # Some disks have no locks.
            raise InputError(
                f"{folder}: expected one {what} in this folder at a time, found "
                "another that runs"
            ) from error


def write_text(path, text):
    """Writes a text file, all of it or nothing."""
    with replace_when_done(path) as temporary:
        # Names of files may hold bytes that are no text.
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_csv(path, header, rows):
    """Writes a table as CSV, all of it or nothing."""
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in [header, *rows]:
        # Whoever reads a \r that is not quoted takes it for the end of the line.
        has_return = any("\r" in str(cell) for cell in row)
        (quoted if has_return else plain).writerow(row)
    write_text(path, text.getvalue())


def read_text(path):
    """Returns the text of a file.

    Raises:
        InputError: there is no such file, or it is no text.
    """
    try:
        return require_file(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a text file, found: {error}") from error


def require_text(path):
    """Refuses a path that TensorFlow, which takes UTF-8 alone, cannot have.

    Raises:
        InputError: it holds bytes that are none.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path}: expected a path in UTF-8, which TensorFlow wants, found other "
            "bytes; rename it"
        ) from error


def require_folder(path):
    """Returns a folder as a Path.

    Raises:
        InputError: there is no such folder.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"{path}: expected a folder, found {_kind(path)}")
    return path


def require_file(path):
    """Returns a file as a Path.

    Raises:
        InputError: there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a file, found {_kind(path)}")
    return path


def _kind(path):
    """Returns what stands at a path, in words."""
    if path.is_dir():
        return "a folder"
    if path.is_file():
        return "a file"
    if path.is_symlink() and not path.exists():
        return "a link to nothing"
    return "something else" if path.exists() else "none"


def list_files(folder, suffixes, passed_over=None):
    """Returns the files below a folder with one of the suffixes, sorted by path.

    Case does not matter; hidden files and folders are left out. Links to folders are
    followed, but no folder is entered twice. Folders that cannot be read and links to
    themselves are warned of.

    Args:
        folder: the folder.
        suffixes: in small letters, with their dot.
        passed_over: list, to which each of these warnings is added, if it is given.

    Raises:
        InputError: there is no such folder.
    """

    def pass_over(path, reason):
        sentence = f"{path}: passed over: {reason}"
        warnings.warn(sentence, stacklevel=2)
        if passed_over is not None:
            passed_over.append(sentence)

    found = []
    for path in _walk(require_folder(folder), pass_over):
        if path.suffix.lower() in suffixes:
            if _is_loop(path):
                pass_over(path, "a link to itself")
            else:
                found.append(path)
    return sorted(found)


def _is_loop(path):
    """Whether a path is a link that leads back to itself."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _walk(folder, pass_over):
    """Yields the files below a folder, those that are only linked to after the others.

    Args:
        folder: the folder.
        pass_over: function of a folder that cannot be read, and of the reason.
    """

    def on_error(error):
        pass_over(error.filename, error.strerror)

    entered, waiting = set(), [str(folder)]
    while waiting:
        for current, folders, names in os.walk(waiting.pop(0), onerror=on_error):
            if os.path.realpath(current) in entered:
                folders.clear()
                continue
            entered.add(os.path.realpath(current))
            visible = [name for name in sorted(folders) if not name.startswith(".")]
            paths = [os.path.join(current, name) for name in visible]
            waiting += filter(os.path.islink, paths)
            folders[:] = visible
            yield from (Path(current, n) for n in names if not n.startswith("."))
