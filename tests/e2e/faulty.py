"""faulty.py - what goes wrong on purpose: the test's end of faults.c, and small disks.

A daemon gets the library by its prefix:

    with tt.Daemon(text, directory=home, prefix=faults.prefix) as d:
        faults.set(sync_error=errno.EIO, times=1)"""
import contextlib
import ctypes
import mmap
import os
import shutil
import subprocess
import tempfile

import tt

LIBRARY = os.path.join(os.path.dirname(tt.DAEMON), "tests", "e2e", "faults.so")


class Control(ctypes.Structure):
    """The same as struct faults_control."""
    _fields_ = [("match", ctypes.c_char * 256), ("shadow", ctypes.c_char * 256)] + [(n, ctypes.c_int64) for n in (
        "write_error", "read_error", "sync_error", "open_error", "accept_error", "times", "room", "sync_ns", "hold",
        "writes", "written", "reads", "opens", "syncs_begun", "syncs", "errors",
        "allocations", "fail_at", "fail_more", "failed")]


class Faults:
    """Rules over the files below MATCH.  With SHADOW a power cut can be had."""

    def __init__(self, match=None, shadow=False, trace=False):
        if tt.SANITIZED:
            raise tt.Skip("a sanitizer has its own idea of these calls")
        if not os.path.exists(LIBRARY):
            raise tt.Skip("no %s was built" % LIBRARY)
        self.dir = tt.directory()
        self.match = match
        path = os.path.join(self.dir, "control")
        with open(path, "wb+") as f:
            f.truncate(ctypes.sizeof(Control))
            self.control = Control.from_buffer(mmap.mmap(f.fileno(), ctypes.sizeof(Control)))
        if match:
            self.control.match = match.encode()
        if shadow:
            self.shadow = os.path.join(self.dir, "shadow")
            os.mkdir(self.shadow)
            self.control.shadow = self.shadow.encode()
        self.clear()
        self.prefix = ["env", "LD_PRELOAD=" + LIBRARY, "TT_FAULTS=" + path] + (["TT_FAULTS_TRACE=1"] if trace else [])

    def set(self, **what):
        """Errors come until clear(), or so many `times`."""
        c = self.control
        if "times" not in what and any(k.endswith("_error") for k in what):
            c.times = -1
        # What says how often stands there before what says that.
        for k in sorted(what, key=lambda k: k != "times"):
            setattr(c, k, what[k])

    def clear(self):
        c = self.control
        c.write_error = c.read_error = c.sync_error = c.open_error = c.accept_error = c.sync_ns = c.hold = 0
        c.times = c.room = -1

    def flush(self):
        """After a crash without a power cut the kernel writes all that it has."""
        self._copy(self.match, self.shadow)

    def cut_power(self):
        """After a crash: what was not synced is gone."""
        self._copy(self.shadow, self.match)

    def _copy(self, source, target):
        # Where an index of a WAL stands it is made anew.
        ours = [n for n in os.listdir(target) if os.path.isfile(os.path.join(target, n)) and self.is_data(n)]
        for name in ours:
            os.unlink(os.path.join(target, name))
        for name in os.listdir(source):
            if self.is_data(name) and not name.endswith("-shm"):
                shutil.copy(os.path.join(source, name), os.path.join(target, name))

    @staticmethod
    def is_data(name):
        return not name.endswith(".yaml") and name != "notify"


# --- small disks ---------------------------------------------------------------

@contextlib.contextmanager
def disk(size):
    """A directory on a file system of its own that holds SIZE."""
    at = tempfile.mkdtemp(prefix="taskthread-disk-")
    try:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", at],
                          capture_output=True).returncode != 0:
            raise tt.Skip("may not mount a small file system")
        try:
            yield at
        finally:
            subprocess.run(["umount", "-l", at], check=True)
    finally:
        shutil.rmtree(at, ignore_errors=True)


def remount(at, options):
    subprocess.run(["mount", "-o", "remount," + options, at], check=True)


def fill(at):
    """Takes all room that is left; returns the file to be deleted."""
    name = os.path.join(at, "fill")
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with contextlib.suppress(OSError):
        while True:
            os.write(fd, bytes(4096))
    os.close(fd)
    return name
