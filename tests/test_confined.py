"""A child in which a plugin does its worst: what happened is told, and nothing is left of it."""

from __future__ import annotations

import json
import os
import signal
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark import watching
from benchmark.confined import Confined, Gone, Limits
from benchmark.errors import PluginError, UsageError
from benchmark.messages import LARGEST, Inbox, Outbox, RubbishError, plain_text
from benchmark.plan import RunRequest
from benchmark.progress import Reporter

Asked = Callable[..., RunRequest]


@pytest.fixture
def asked(plugins: Any, tmp_path: Path) -> Asked:
    """A request for a method whose ``predict`` does what is said."""

    def make(body: str = plugins.BRIGHT, rest: str = "", head: str = "") -> RunRequest:
        method = plugins.method(body, rest)
        if head:
            path = Path(method)
            path.write_text(path.read_text() + "\n" + head)
        return RunRequest(
            method, plugins.toy(), runs=tmp_path / "runs", pictures=False, threads=1, device="cpu"
        )

    return make


def begun(confined: Confined, request: RunRequest) -> RunRequest:
    from dataclasses import replace

    answer = confined.do("begin", request)
    folder = f"toy/made-{answer['key'][:12]}"
    (request.runs / folder).mkdir(parents=True, exist_ok=True)
    return replace(request, expected=folder)


def predicting(request: RunRequest, limits: Limits | None = None) -> Any:
    """What comes of case ``a``, and the run's log."""
    with Confined(limits or Limits(timeout_s=60)) as confined:
        request = begun(confined, request)
        try:
            answer: Any = confined.do("predict_step", request, "a")
        except Gone as gone:
            answer = gone
    log = request.runs / request.expected / "plugin.log"
    return answer, log.read_text(errors="replace") if log.is_file() else ""


def alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def gone_soon(pid: int) -> bool:
    for _ in range(400):
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


# --- how it ends ---


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("os._exit(3)", "its process ended itself with exit code 3"),
        ("os._exit(0)", "its process ended itself with exit code 0"),
        ("import ctypes; ctypes.string_at(0)", "its process was killed by SIGSEGV"),
        ("os.abort()", "its process was killed by SIGABRT"),
        (
            "import signal; os.kill(os.getpid(), signal.SIGKILL)",
            "its process was killed by SIGKILL (the system may have run out of memory)",
        ),
        ("raise KeyboardInterrupt('mine')", "it raised KeyboardInterrupt: mine"),
        ("raise GeneratorExit", "it raised GeneratorExit"),
    ],
)
def test_what_ends_a_child_is_named(asked: Asked, body: str, reason: str) -> None:
    answer, _ = predicting(asked(body))
    assert isinstance(answer, Gone)
    assert answer.reason == reason


def test_a_crash_in_compiled_code_leaves_its_line_of_python_in_the_log(asked: Asked) -> None:
    _, log = predicting(asked("import ctypes; ctypes.string_at(0)"))
    assert "Segmentation fault" in log
    assert "made.py" in log


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        # holds Python's lock in compiled code: no thread of the child can do anything about it
        "import ctypes; ctypes.PyDLL(None).sleep(600)",
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32)); time.sleep(600)",
    ],
)
def test_a_child_that_hangs_is_ended_when_its_time_is_over(asked: Asked, body: str) -> None:
    answer, log = predicting(asked(body), Limits(timeout_s=4))
    assert isinstance(answer, Gone)
    assert answer.reason == "it took longer than 4 s"
    assert answer.seconds >= 4
    if "sigmask" not in body:
        assert "made.py" in log  # where it was


def test_memory_that_cannot_be_had_is_an_error_of_python(asked: Asked) -> None:
    row, _ = predicting(asked("np.ones(2**33)"), Limits(memory_mb=1024))
    assert row["status"] == "error"
    assert "Unable to allocate" in row["message"]


def test_memory_of_all_that_it_started_counts(asked: Asked) -> None:
    hog = "import time; b = bytearray(300 << 20); time.sleep(600)"
    body = f"""
import subprocess, sys
[subprocess.Popen([sys.executable, "-c", {hog!r}]) for _ in range(4)]
time.sleep(600)
"""
    answer, _ = predicting(asked(body), Limits(memory_mb=900))
    assert isinstance(answer, Gone)
    assert answer.reason.startswith("it held ")
    assert answer.reason.endswith(" GB of memory, more than the 0.9 GB that it may take")
    assert answer.memory_mb > 900


def test_what_a_method_leaves_running_is_ended_with_its_child(asked: Asked, tmp_path: Path) -> None:
    """A fork, a program, and one in a session of its own whose parent is gone."""
    body = f"""
import subprocess, sys
code = "import os, time; open({str(tmp_path / "pids")!r}, 'a').write(f'{{os.getpid()}}\\\\n'); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", code])
subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])
    os._exit(0)
while not os.path.exists({str(tmp_path / "pids")!r}) or len(open({str(tmp_path / "pids")!r}).readlines()) < 3:
    time.sleep(0.05)
return Segmentation(np.where(image > 500, 3, 0))
"""  # noqa: E501
    row, _ = predicting(asked(body))
    assert row["status"] == "ok"
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 3
    assert all(gone_soon(pid) for pid in pids)


PARENT = """
import sys, time
from pathlib import Path
from benchmark.confined import Confined, Limits
from benchmark.plan import RunRequest
request = RunRequest(sys.argv[1], sys.argv[2], runs=Path(sys.argv[3]), threads=1, device="cpu")
with Confined(Limits()) as confined:
    confined.do("predict_step", request, "a")
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_child_ends_with_its_parent_however_that_ends(
    asked: Asked, tmp_path: Path, python: Callable[..., Any], how: signal.Signals
) -> None:
    """Also one that hangs in compiled code with Python's lock held."""
    told = tmp_path / "pid"
    hang = "import ctypes; ctypes.PyDLL(None).sleep(600)"
    request = asked(f"open({str(told)!r}, 'w').write(str(os.getpid()))\n{hang}")
    process = python(PARENT, request.method, request.dataset, str(request.runs))
    while not (told.exists() and told.read_text()):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    child = int(told.read_text())
    assert alive(child)
    process.send_signal(how)
    assert process.wait(60) in (-how, 130, 1)
    assert gone_soon(child)


# --- what it says ---


def test_whatever_is_printed_by_any_road_is_in_the_log_and_nowhere_else(
    asked: Asked, capfd: pytest.CaptureFixture[str]
) -> None:
    body = """
import subprocess, sys
print("of Python")
print("of stderr", file=sys.stderr)
os.write(1, b"of a descriptor\\n")
os.write(2, b"of the other\\n")
subprocess.run(["echo", "of a program"])
return Segmentation(np.where(image > 500, 3, 0))
"""
    row, log = predicting(asked(body))
    assert row["status"] == "ok"
    for kind in ("of Python", "of stderr", "of a descriptor", "of the other", "of a program"):
        assert log.count(kind) == 1
    assert capfd.readouterr() == ("", "")


def test_endless_printing_fills_neither_the_disk_nor_the_log(asked: Asked) -> None:
    answer, log = predicting(asked("while True: os.write(1, b'x' * 65536)"), Limits(timeout_s=5))
    assert isinstance(answer, Gone)
    assert len(log) < 40 * 2**20
    assert "(more was printed than is kept)" in log


def test_rubbish_on_the_pipe_ends_the_child(asked: Asked) -> None:
    body = """
for fd in range(3, 64):
    try:
        os.write(fd, b"\\xff" * 64)
    except OSError:
        pass
"""
    answer, _ = predicting(asked(body))
    assert isinstance(answer, Gone)
    assert answer.reason.startswith("its process answered with rubbish, a message of 4294967295 b")


def test_a_child_that_closes_its_pipes_is_ended(asked: Asked) -> None:
    answer, _ = predicting(asked("os.closerange(3, 64)\ntime.sleep(600)"))
    assert isinstance(answer, Gone)
    assert answer.reason == "its process closed the pipe that it answers through"


def test_errors_of_ours_are_raised_as_they_are(asked: Asked) -> None:
    from dataclasses import replace

    with Confined(Limits()) as confined:
        with pytest.raises(UsageError, match="has no parameter 'absent'"):
            confined.do("begin", replace(asked(), settings={"absent": 1}))
        assert confined.do("trains", asked()) is False  # and it lives on


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("raise type('Odd', (Exception,), {'__reduce__': None})('what')", "Odd: what"),
        (
            "raise type('Mute', (Exception,), {'__str__': lambda self: 1 / 0})()",
            "Mute: its message cannot be shown",
        ),
        ("import sys; sys.exit(7)", "SystemExit: 7"),
        ("return 7", "predict returned int, not a Segmentation."),
    ],
)
def test_what_a_method_raises_is_the_message_of_its_case(
    asked: Asked, body: str, shown: str
) -> None:
    row, _ = predicting(asked(body))
    assert (row["status"], row["message"].strip()) == ("error", row["message"].strip())
    assert shown in row["message"]


def test_an_endless_message_is_cut_in_tables(asked: Asked) -> None:
    row, log = predicting(asked("raise ValueError('x' * 5_000_000)"))
    assert len(row["message"]) < 1200
    assert row["message"].endswith("... (5000012 characters; see plugin.log)")
    assert len(log) < 2**21


def test_a_method_that_leaves_the_folder_leaves_its_answer_in_it(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.chdir(tmp_path)
    (tmp_path / "else").mkdir()
    body = "os.chdir('else')\nreturn Segmentation(np.where(image > 500, 3, 0))"
    row, _ = predicting(replace(asked(body), runs=Path("runs")))
    assert row["status"] == "ok"
    assert len(list((tmp_path / "runs").glob("toy/*/predictions/a.nii.gz"))) == 1
    assert list((tmp_path / "else").iterdir()) == []


# --- children of one run and of others ---


def test_cases_are_scored_where_no_method_has_computed(asked: Asked, tmp_path: Path) -> None:
    """What predicting does to its process does not get into the scores."""
    file = tmp_path / "pids"
    body = f"""
with open({str(file)!r}, "a") as pids:
    pids.write(f"{{os.getpid()}}\\n")
np.seterr(all="raise")
return Segmentation(np.where(image > 500, 3, 0))
"""
    with Confined(Limits()) as confined:
        request = begun(confined, asked(body))
        first = confined._child
        for case in ("a", "b", "c", "x"):
            assert confined.do("predict_step", request, case)["status"] == "ok"
        assert confined._child is first
        assert confined.do("unscored", request) == ["a", "b", "c", "x"]
        second = confined._child
        assert second is not first
        confined.do("score_step", request, "a")
        assert confined._child is second
    assert len(set(file.read_text().split())) == 1


def test_progress_and_notes_come_through(asked: Asked) -> None:
    seen: list[str] = []

    class Listening(Reporter):
        def note(self, text: str) -> None:
            seen.append(text)

        def training(self, name: str) -> Any:
            seen.append(name)
            return super().training(name)

    with Confined(Limits(), Listening()) as confined:
        confined.do("begin", asked())
    assert seen == ["reading cases"]


def test_nothing_is_left_of_a_child_that_is_done(asked: Asked) -> None:
    with Confined(Limits()) as confined:
        confined.do("trains", asked())
        assert confined._child is not None
        pid = confined._child._process.pid
        assert alive(pid)
    assert not alive(pid)


# --- messages ---


def read(data: bytes) -> Any:
    inbox = Inbox()
    inbox.feed(data)
    return inbox.take()


def test_messages_come_as_they_went_in_pieces_of_any_size() -> None:
    reading, writing = os.pipe()
    outbox = Outbox(writing)
    sent = [("answer", {"a": [1, 2.5, None, "é"]}), ("note", "x" * 3000), ("end", None)]
    for kind, content in sent:
        outbox.send(kind, content)
    os.close(writing)
    inbox, got = Inbox(), []
    while byte := os.read(reading, 7):
        inbox.feed(byte)
        while (message := inbox.take()) is not None:
            got.append(message)
    os.close(reading)
    assert got == sent


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<I", LARGEST + 1),
        struct.pack("<I", 2) + b"{}",
        struct.pack("<I", 3) + b"\xff\xff\xff",
        struct.pack("<I", 14) + b'["note", NaN ]',
        struct.pack("<I", 9) + b"[1, null]",
        struct.pack("<I", 200_000) + b"[" * 200_000,
        struct.pack("<I", 4) + json.dumps([1, 2]).encode()[:4],
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(RubbishError):
        read(data)


def test_a_message_that_is_not_whole_is_waited_for() -> None:
    assert read(b"\x05") is None
    assert read(struct.pack("<I", 5) + b"[1") is None


def test_text_loses_what_a_terminal_obeys() -> None:
    assert plain_text("a\x1b[2Jb\r\n\u202e") == "a�[2Jb�\n�"
    assert plain_text("x" * 50, 10) == "xxxxxxxxxx... (50 characters)"
    with pytest.raises(RubbishError):
        plain_text(3)


# --- the machine ---


def test_the_family_of_this_process_is_this_process_and_what_it_holds() -> None:
    pid = os.getpid()
    assert watching.family(pid)[pid] > 2**20
    assert watching.held_bytes(pid, 2**50) >= watching.family(pid)[pid] * 0.5
    free = watching.available_bytes()
    assert free is not None
    assert 2**20 < free < 2**50


def test_an_unknown_reply_is_the_plugin_s_fault() -> None:
    from benchmark import replies

    for reply in (None, {}, {"dataset": "a"}, "x"):
        with pytest.raises(PluginError, match="reply to 'begin' that the engine does not give"):
            replies.begun_of(reply)
    with pytest.raises(PluginError, match="unpredicted"):
        replies.ids_of(["../../etc"], ["a"])
    with pytest.raises(PluginError, match="unpredicted"):
        replies.ids_of(["a", "a"], ["a"])
    assert replies.ids_of(["a"], ["a", "b"]) == ["a"]
    with pytest.raises(PluginError, match="score_step"):
        replies.seconds_of(float("nan"))
