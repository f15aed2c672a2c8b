from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from dualhead.runtime import interrupts
from dualhead.runtime.interrupts import check_interrupt, interruption

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

RUN = """
import sys, time
from dualhead import cli
from dualhead.runtime.interrupts import {start}

def wait():
    "Wait."
    print("ready", flush=True)
    {body}

sys.modules["waiting"] = sys.modules["__main__"]
cli.COMMANDS["wait"] = cli.Command("wait", "waiting:wait", "waits")
sys.argv = ["dualhead", "wait"]
sys.exit(cli.main())
"""


def run(body: str, number: int, start: str = "raise_on_signals") -> tuple[int, str]:
    command = [sys.executable, "-c", RUN.format(body=body, start=start)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    return process.returncode, err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_both_signals_end_a_command_with_one_sentence(number: int, code: int) -> None:
    assert run("time.sleep(20)", number) == (
        code,
        "dualhead: interrupted: run the same command again and it starts over\n",
    )


def test_an_interruption_that_was_swallowed_comes_again() -> None:
    swallow = (
        "\n    from dualhead.runtime.progress import show_progress\n    try: time.sleep(20)\n"
        "    except BaseException: pass\n    with show_progress(quiet=True) as bar: bar('x', 1).advance()"
    )
    assert run(swallow, signal.SIGTERM)[0] == 143


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_imports_of_a_command_end_with_one_sentence_too(number: int, code: int) -> None:
    script = (
        "import builtins, os\nreal = builtins.__import__\n"
        "def slow(name, *rest, **more):\n"
        f"    if name == 'dualhead.cli_parser': os.kill(os.getpid(), {number})\n"
        "    return real(name, *rest, **more)\n"
        "builtins.__import__ = slow\nimport sys\nsys.argv = ['dualhead', 'models']\n"
        "from dualhead.__main__ import main\nsys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)


def test_a_signal_waits_until_the_block_is_left() -> None:
    script = (  # in a process of its own: another thread of this one would take the signal
        "import os, signal, time\nfrom dualhead.runtime.interrupts import signals_held\norder = []\n"
        "signal.signal(signal.SIGINT, lambda *_: order.append('signal'))\n"
        "with signals_held():\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(0.05)\n    order.append('block')\n"
        "print(*order)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["block", "signal"]


def test_nothing_is_raised_where_no_signal_was_received(monkeypatch: pytest.MonkeyPatch) -> None:
    check_interrupt()
    assert type(interruption()) is KeyboardInterrupt
    monkeypatch.setattr(interrupts, "_received", signal.SIGTERM)
    with pytest.raises(interrupts.Terminated):
        check_interrupt()


def test_an_interruption_that_is_lost_in_a_destructor_comes_again_without_a_word() -> None:
    script = (
        "import os, signal, sys, time\n"
        "from dualhead import cli\n"
        "def wait():\n"
        "    'Wait.'\n"
        "    class Lost:\n"
        "        def __del__(self):\n"
        "            os.kill(os.getpid(), signal.SIGTERM)\n"
        "            time.sleep(0.2)\n"
        "    lost = Lost()\n"
        "    del lost\n"
        "    time.sleep(20)\n"
        "sys.modules['waiting'] = sys.modules['__main__']\n"
        "cli.COMMANDS['wait'] = cli.Command('wait', 'waiting:wait', 'waits')\n"
        "sys.argv = ['dualhead', 'wait']\n"
        "sys.exit(cli.main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=20)
    said = "dualhead: interrupted: run the same command again and it starts over\n"
    assert (done.returncode, done.stderr) == (143, said)


def test_an_interruption_that_a_library_turned_into_another_error_is_one() -> None:
    turn = "\n    try: time.sleep(20)\n    except BaseException: raise ValueError('no shape') from None"
    assert run("pass" + turn, signal.SIGTERM) == (
        143,
        "dualhead: interrupted: run the same command again and it starts over\n",
    )
