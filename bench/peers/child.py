"""Runs one program to its end and says what it took; one at a time, never through a shell."""
import dataclasses
import os
import signal
import subprocess
import tempfile
import threading
import time


@dataclasses.dataclass(frozen=True)
class Finished:
    stdout: str
    stderr: str
    wall_s: float
    peak_rss_bytes: int
    other_cores: float   # cores that other programs used meanwhile; None where that is unknown


class Failed(Exception):
    """The program could not be run to a good end; the last line of its stderr says why."""


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it wrote nothing to stderr"


def error_text(error):
    """"FILE: why" of an OSError, what any other error says."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _busy_seconds():
    """CPU seconds that this machine has spent on anything since it started; None off Linux."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = ticks
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _rss_bytes(usage):
    return usage.ru_maxrss * (1 if os.uname().sysname == "Darwin" else 1024)


def _exit_text(status):
    code = os.waitstatus_to_exitcode(status)
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _wait(process, timeout_s):
    """(wait status, resource usage, whether it ran out of time); no child is left behind."""
    expired = threading.Event()

    def expire():
        expired.set()
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(timeout_s, expire)
    timer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:  # Ctrl-C: the child has a process group of its own and heard nothing
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return status, usage, expired.is_set()


def run(command, timeout_s):
    """Runs `command` (a list, absolute program path) in a scratch folder. Raises Failed."""
    name = os.path.basename(command[0])
    with tempfile.TemporaryDirectory() as scratch, \
            tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as out, \
            tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as err:
        busy, start = _busy_seconds(), time.monotonic()
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                       cwd=scratch, start_new_session=True)
        except OSError as error:
            raise Failed(f"{name}: {error.strerror}") from None
        status, usage, expired = _wait(process, timeout_s)
        wall = time.monotonic() - start
        busy_after = _busy_seconds()
        out.seek(0), err.seek(0)
        stdout, stderr = out.read(), err.read()
    if expired:
        raise Failed(f"{name}: not done after {timeout_s:g} s (--timeout)")
    if status != 0:
        raise Failed(f"{name}: {_exit_text(status)}: {last_line(stderr)}")
    other = None
    if busy is not None and busy_after is not None:
        other = max(0.0, (busy_after - busy - usage.ru_utime - usage.ru_stime) / max(wall, 1e-3))
    return Finished(stdout, stderr, wall, _rss_bytes(usage), other)
