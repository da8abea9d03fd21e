"""Silence, and speech where something fails."""

import os

import pytest

from landmark.script.quiet import quiet_stderr


def test_what_libraries_say_is_silenced(capfd):
    with quiet_stderr():
        os.write(2, b"chatter of a C++ library\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"


def test_what_is_printed_is_heard(capfd):
    with quiet_stderr():
        os.write(1, b"a result\n")
    assert capfd.readouterr().out == "a result\n"


def fail_with(error):
    with quiet_stderr():
        os.write(2, b"the reason\n")
        raise error


@pytest.mark.parametrize("error", [ImportError("no library"), KeyboardInterrupt()])
def test_all_is_said_where_something_fails(capfd, error):
    with pytest.raises(type(error)):
        fail_with(error)
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "the reason\nafterwards\n"


def test_silence_leaves_no_open_files():
    def count_open_files():
        return len(os.listdir("/proc/self/fd"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("open files cannot be counted here")
    before = count_open_files()
    for _ in range(3):
        with quiet_stderr():
            pass
        with pytest.raises(ValueError, match="broken"):
            fail_with(ValueError("broken"))
    assert count_open_files() == before
