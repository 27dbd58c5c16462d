"""Every kind of leak fails the test that it comes from, and nothing else does."""

import re
from pathlib import Path

import pytest

LEAKS = """
import asyncio
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
kept = []


def test_nothing():
    with open(__file__):
        pass


def test_a_descriptor():
    kept.append(os.open(__file__, os.O_RDONLY))


def test_what_was_leaked_before_is_told_once():
    assert kept


def test_a_descriptor_in_place_of_another():
    os.close(kept.pop())
    kept.append(os.pipe()[0])


def test_a_child_process():
    kept.append(subprocess.Popen(SLEEP))


def test_a_child_process_that_nobody_waits_for():
    process = kept.pop()
    process.kill()
    process.wait()
    pid = os.fork()
    if pid == 0:
        os._exit(0)


def test_processes_of_multiprocessing():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.map(abs, [-1])
        pool.close()
        pool.join()


def test_a_thread():
    kept.append(threading.Event())
    threading.Thread(target=kept[-1].wait, name="forgotten").start()


def test_a_thread_that_ends():
    kept.pop().set()
    threading.Thread(target=time.sleep, args=(0.03,)).start()


async def forgotten():
    await asyncio.sleep(600)


async def test_a_task():
    kept.append(asyncio.create_task(forgotten()))


def test_a_task_of_asyncio_run():
    async def run():
        kept.append(asyncio.create_task(forgotten()))

    asyncio.run(run())


async def test_a_task_that_ends():
    task = asyncio.create_task(forgotten())
    await asyncio.sleep(0)
    task.cancel()


def test_a_file():
    Path("folder").mkdir()
    Path("folder", "left.txt").touch()


def test_a_file_in_a_folder_that_was_there():
    Path("folder", "another.txt").touch()


def test_a_file_that_is_removed():
    Path("folder", "removed.txt").touch()
    Path("folder", "removed.txt").unlink()


@pytest.fixture(scope="module")
def good():
    with open(__file__) as file:
        yield file


@pytest.fixture(scope="module")
def bad():
    kept.append(os.open(__file__, os.O_RDONLY))


def test_fixtures_of_a_module(good, bad):
    pass


def test_the_last_that_uses_them(good, bad):
    pass
"""
GUILTY = {
    "test_a_descriptor": r"descriptor \d+: .*test_it\.py",
    "test_a_descriptor_in_place_of_another": r"descriptor \d+: pipe:.*\ndescriptor \d+: pipe:",
    "test_a_child_process": r"child process \d+: .*time\.sleep\(600\)",
    "test_a_child_process_that_nobody_waits_for": r"child process \d+: has ended",
    "test_a_thread": "thread forgotten",
    "test_a_task": "task <coroutine object forgotten",
    "test_a_task_of_asyncio_run": "task <coroutine object forgotten",
    "test_a_file": r"file folder\nfile folder/left\.txt",
    "test_a_file_in_a_folder_that_was_there": r"file folder/another\.txt",
    "test_the_last_that_uses_them": r"descriptor \d+: .*test_it\.py",
}


@pytest.mark.parametrize("processes", [0, 1])
def test_what_is_detected(pytester: pytest.Pytester, processes: int) -> None:
    pytester.makepyfile(test_it=LEAKS)
    pytester.makeini("[pytest]\nasyncio_mode = auto\nfilterwarnings = ignore\n")
    pytester.makeconftest("import tests.leaks\ntests.leaks.GRACE = 0.3\n")
    pytester.syspathinsert(Path(__file__).parents[2])
    done = pytester.runpytest_subprocess(
        *("-p", "tests.leaks", "-p", "no:cacheprovider", "-n", str(processes))
    )
    errors = re.split(r"(?m)^_+ ERROR at teardown of (\w+) _+$", done.stdout.str())[1:]
    reported = dict(zip(errors[::2], errors[1::2], strict=True))
    assert reported.keys() == GUILTY.keys()
    for name, words in GUILTY.items():
        assert re.search(f"the test leaks:\n{words}", reported[name]), reported[name]
    done.assert_outcomes(passed=LEAKS.count("def test_"), errors=len(GUILTY))
