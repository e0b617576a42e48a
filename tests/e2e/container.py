"""container.py - a real systemd in a throw-away container over this machine's own root
file system, with a network, /run and journal of its own: nothing written there
reaches the machine.  Needs root and the package systemd-container."""
import glob
import os
import shutil
import subprocess
import tempfile
import time


class CannotBoot(Exception):
    """Why there can be no such container here."""


def sh(*args):
    r = subprocess.run(args, capture_output=True, text=True)
    if r.returncode != 0:
        raise CannotBoot("%s: %s" % (" ".join(args), (r.stdout + r.stderr).strip()))


class Container:
    def __init__(self):
        if os.geteuid() != 0:
            raise CannotBoot("only root may boot one")
        if shutil.which("systemd-nspawn") is None:
            raise CannotBoot("the package systemd-container is not installed")
        self.dir = tempfile.mkdtemp(prefix="taskthread-systemd-")
        self.root = os.path.join(self.dir, "root")
        self.upper = os.path.join(self.dir, "upper")
        self.nspawn = self.leader = None
        self.mounted = []

    def __enter__(self):
        try:
            self.boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def boot(self):
        os.mkdir(self.root)
        os.mkdir(self.upper)
        sh("mount", "-t", "tmpfs", "tmpfs", self.upper)
        self.mounted.append(self.upper)
        for name in ("u", "w"):
            os.mkdir(os.path.join(self.upper, name))
        sh("mount", "-t", "overlay", "overlay", "-o",
           "lowerdir=/,upperdir=%s/u,workdir=%s/w" % (self.upper, self.upper), self.root)
        self.mounted.append(self.root)
        self.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        # As little as a service needs, so that it is up at once.
        self.write("/etc/systemd/system/probe.target",
                   "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n")
        with open(os.path.join(self.dir, "boot.log"), "w") as log:
            self.nspawn = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--boot", "--directory=" + self.root, "--register=no", "--keep-unit",
                 "--private-network", "--machine=tt%d" % os.getpid(), "systemd.unit=probe.target"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.nspawn.poll() is None:
            time.sleep(0.05)
            self.leader = self.find_leader()
            if self.leader and self.run("systemctl", "is-active", "-q", "probe.target").returncode == 0:
                return
        with open(os.path.join(self.dir, "boot.log"), errors="replace") as log:
            raise CannotBoot("it does not boot here: " + log.read()[-300:].strip())

    def find_leader(self):
        """The systemd in it: a child or a grandchild of systemd-nspawn."""
        def children(pid):
            out = []
            for path in glob.glob("/proc/%d/task/*/children" % pid):
                try:
                    with open(path) as f:
                        out += map(int, f.read().split())
                except OSError:
                    pass
            return out
        near = children(self.nspawn.pid)
        for pid in near + [q for p in near for q in children(p)]:
            try:
                if os.readlink("/proc/%d/exe" % pid).endswith("/systemd"):
                    return pid
            except OSError:
                pass
        return None

    def run(self, *args, **more):
        """Runs a command inside, to its end."""
        return subprocess.run(["nsenter", "-t", str(self.leader), "-m", "-p", "-u", "-i", "-n", "-C", *args],
                              capture_output=True, text=True, timeout=120, **more)

    def write(self, path, text):
        whole = self.root + path
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w") as f:
            f.write(text)

    def __exit__(self, *_):
        if self.nspawn is not None:
            if self.leader:
                self.run("systemctl", "poweroff", "--force", "--force")
            try:
                self.nspawn.wait(10)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait()
        for where in reversed(self.mounted):
            if subprocess.run(["umount", where], capture_output=True).returncode != 0:
                subprocess.run(["umount", "-l", where])
        shutil.rmtree(self.dir, ignore_errors=True)
