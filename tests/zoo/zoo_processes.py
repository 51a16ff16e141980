"""What takes a process down, holds it up, or outlives it."""

from __future__ import annotations

from zoo_keeper import Specimen

__all__ = ["DEADLY", "ENDLESS", "IMPORTS", "LEAVING", "READERS", "TRAININGS"]

_SLEEPER = (
    "import subprocess\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']"
)

#: What is said of it that is over its time.
_LATE = r"took longer than \d+ s"

#: Each ends, or cannot hold up, the process that predicts its case.
DEADLY = [
    Specimen("segfault", "Reads address 0", "SIGSEGV|signal 11|segmentation",
             "import ctypes\nctypes.string_at(0)"),
    Specimen("os_exit", "Calls os._exit(0)", "ended|exit", "os._exit(0)"),
    Specimen("abort", "Calls abort()", "SIGABRT|signal 6|abort", "os.abort()"),
    Specimen("sigkill", "Kills itself", "SIGKILL|signal 9|killed",
             "import signal\nos.kill(os.getpid(), signal.SIGKILL)"),
    Specimen("sigterm", "Sends SIGTERM to itself", "SIGTERM|signal 15|terminated",
             "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
             "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)"),
    Specimen("interrupt", "Raises KeyboardInterrupt", "KeyboardInterrupt",
             "raise KeyboardInterrupt"),
    Specimen("generator_exit", "Raises GeneratorExit", "GeneratorExit", "raise GeneratorExit"),
    Specimen("base", "Raises a BaseException of its own", "Base: of its own",
             "raise Base('of its own')", "class Base(BaseException):\n    pass"),
    Specimen("exec", "Becomes another program", "ended|exit|gone",
             "os.execv('/bin/true', ['true'])"),
    Specimen("c_stack", "Overflows the stack of C", "SIGSEGV|signal 11|RecursionError|SIGABRT",
             "sys.setrecursionlimit(10**9)\nimport pickle\nnested = []\n"
             "for _ in range(10**6):\n    nested = [nested]\nrepr(nested)\npickle.dumps(nested)"),
    Specimen("hoards", "Takes memory step by step", "memory|MemoryError",
             "held = []\nwhile True:\n    held.append(np.ones(4_000_000))"),
    Specimen("hoards_bytes", "Takes all memory at once", "memory|MemoryError",
             "held = bytearray(60 * 2**30)\nheld[::4096] = b'x' * len(held[::4096])"),
    Specimen("descriptors", "Closes every file of its process", "ended|exit|gone|descriptor|pipe",
             "os.closerange(0, 1000)"),
    Specimen("rubbish", "Writes rubbish into every file of its process", "case|ended|reply|message",
             "for fd in range(3, 64):\n    try:\n        os.write(fd, b'\\xff' * 4096)\n"
             "    except OSError:\n        pass\n"),
]  # fmt: skip

#: Each would hold up its process for ever; a time-out ends them.
ENDLESS = [
    Specimen("spins", "Loops for ever in Python", _LATE,
             "while True:\n    try:\n        while True:\n            pass\n"
             "    except BaseException:\n        pass"),
    Specimen("c_sleep", "Sleeps in C, all signals blocked, Python's lock held", _LATE, (
        "import ctypes, signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
        "ctypes.PyDLL(None).sleep(600)")),
    Specimen("deadlock", "Waits for a lock that it holds, beside a thread that does not end",
             _LATE, (
        "import threading\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
        "lock = threading.Lock()\nlock.acquire()\nlock.acquire()")),
]  # fmt: skip

#: Right answers that leave something running or open behind them.
LEAVING = [
    Specimen("children", "Starts a program that stays", answer=f"{_SLEEPER})"),
    Specimen("daemon", "Starts a program in a session of its own, deaf to signals", answer=(
        f"{_SLEEPER}, start_new_session=True)")),
    Specimen("forks", "Forks without an end to it", answer=(
        "for _ in range(8):\n    if os.fork() == 0:\n"
        "        time.sleep(600)\n        os._exit(0)")),
    Specimen("threads", "Leaves threads running", answer=(
        "import threading\nfor _ in range(4):\n"
        "    threading.Thread(target=time.sleep, args=(600,)).start()")),
    Specimen("exit_handler", "Waits for ever when its process ends",
             answer="import atexit\natexit.register(time.sleep, 600)"),
    Specimen("floods", "Prints 100 MB past sys.stdout", answer=(
        "for _ in range(100):\n    os.write(1, b'f' * 1_000_000)")),
    Specimen("niceness", "Takes a priority that none can be lower than", answer="os.nice(19)"),
    Specimen("closes_stdout", "Closes file descriptors 1 and 2",
             answer="os.close(1)\nos.close(2)"),
]  # fmt: skip

#: Methods that do it while they are imported.
IMPORTS = [
    Specimen("import_dies", "Calls os._exit(0) when imported", "ended|exit", head="os._exit(0)"),
    Specimen("import_segfault", "Crashes when imported", "SIGSEGV|signal 11",
             head="import ctypes\nctypes.string_at(0)"),
    Specimen("import_spins", "Loops for ever when imported", _LATE,
             head="while True:\n    pass"),
]  # fmt: skip

#: Methods that do it while they train.
TRAININGS = [
    Specimen("train_dies", "Crashes while it trains", "SIGSEGV|signal 11",
             rest="def train(self, cases, context):\n    import ctypes\n    ctypes.string_at(0)"),
    Specimen("train_spins", "Trains for ever", _LATE,
             rest="def train(self, cases, context):\n    while True:\n        pass"),
]  # fmt: skip

#: Data sets that do it while they list or read.
READERS = [
    Specimen("load_dies", "Crashes while it reads case b", "SIGSEGV|signal 11",
             load="import ctypes\nif case_id == 'b':\n    ctypes.string_at(0)"),
    Specimen("index_spins", "Lists cases for ever", _LATE, head="import itertools",
             fields="return (CaseInfo(f'c{i}', 'test') for i in itertools.count())"),
]  # fmt: skip
