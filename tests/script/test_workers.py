"""Work shared among processes."""

import os
import signal

import pytest

from landmark.script import workers
from landmark.script.errors import InputError


def make(factor):
    return [factor, os.getpid()]


def multiply(tool, item):
    if item == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "fails":
        raise InputError("no number")
    return tool[0] * item, os.getpid()


@pytest.mark.parametrize("num_workers", [1, 2, 3])
def test_results_come_in_order(num_workers):
    found = list(workers.map_in_order(multiply, range(50), num_workers, make, (3,)))
    assert [value for value, _ in found] == [3 * i for i in range(50)]
    processes = {process for _, process in found}
    assert (processes == {os.getpid()}) == (num_workers == 1)
    assert len(processes) <= num_workers


@pytest.mark.parametrize("num_workers", [1, 2])
def test_nothing_to_do_makes_no_tool(num_workers):
    assert not list(workers.map_in_order(multiply, [], num_workers, None))


def test_items_are_taken_as_they_are_needed():
    taken = []

    def items():
        for index in range(1000):
            taken.append(index)
            yield index

    results = workers.map_in_order(multiply, items(), 2, make, (1,))
    next(results)
    assert len(taken) <= 2 * workers._AHEAD
    results.close()


@pytest.mark.parametrize("num_workers", [1, 2])
def test_error_of_an_item_is_raised(num_workers):
    results = workers.map_in_order(multiply, [1, "fails", 2], num_workers, make, (1,))
    assert next(results)[0] == 1
    with pytest.raises(InputError, match="no number"):
        next(results)


def test_killed_worker_is_told_of():
    results = workers.map_in_order(multiply, [1, "dies", 2], 2, make, (1,))
    with pytest.raises(InputError, match="expected all workers to live"):
        list(results)


def test_at_least_one_core():
    assert 1 <= workers.count_cores() <= os.cpu_count()
