# SPDX-License-Identifier: Apache-2.0
"""A host on which cocoon-launch can start a worker: an image, a spec tree, a model, and a QEMU that is none but says how it was
started."""

import json, os, re, shutil, socket, subprocess, tempfile, time

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PATIENCE = 30  # seconds; nothing here depends on how fast the machine is

FAKE_QEMU = """#!/usr/bin/python3
import json, os, sys
fds = {}
for fd in sorted(int(n) for n in os.listdir("/proc/self/fd")):
    try:
        fds[fd] = os.readlink("/proc/self/fd/%d" % fd)
    except OSError:
        pass  # that of the listing itself
said = dict(argv=sys.argv, environment=dict(os.environ), fds=fds, cwd=os.getcwd(), pid=os.getpid(), umask=os.umask(0o77))
with open("qemu.json.new", "w") as f:
    json.dump(said, f)
os.rename("qemu.json.new", "qemu.json")
import time
parent = os.getppid()
while os.path.exists("stay") and os.getppid() == parent:  # also when the test is killed
    time.sleep(0.01)
"""


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def expect_equal(found, wanted, what):
    expect(found == wanted, "%s: expected %r, found %r" % (what, wanted, found))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err


class Place:
    """A host with an image, a spec tree and a model."""

    def __init__(self, launch, model):
        self.program, self.model = launch, model
        self.dir = tempfile.mkdtemp(prefix="cocoon-launch-")
        self.runtime = self.path("runtime")
        os.mkdir(self.runtime, 0o700)
        for kind in "prod", "test":
            for name in "image.vmlinuz", "image.initrd", "OVMF.fd":
                self.write("images/%s/%s" % (kind, name), name)
            self.write("images/%s/image.img" % kind, "\0" * 4096)
            self.write("images/%s/image.cmdline" % kind, "console=hvc0 root=/dev/%s\n" % kind)
        for kind in "worker", "proxy", "client":
            self.write("spec/%s/init" % kind, "#!/bin/sh\n", 0o700)
            self.write("spec/%s/config.json" % kind, "{}", 0o600)
            self.write("spec/%s/services/a.service" % kind, "[Unit]\n")
        self.write("bin/qemu-system-x86_64", FAKE_QEMU, 0o755)
        self.env = {"PATH": self.path("bin") + ":/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root",
                    "RUNTIME_DIRECTORY": self.runtime, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=" + self.path("no-bus")}
        for name in "ASAN_OPTIONS", "UBSAN_OPTIONS":
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.write("model/weights.bin", "weights" * 4096)
        self.spec = self.build(COMMIT)
        self.image = self.path("models/Test--Small@%s.tar" % COMMIT)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def read(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def build(self, commit):
        os.makedirs(self.path("models"), exist_ok=True)
        out = subprocess.run([self.model, "build", "Test/Small@" + commit, "--from-directory", self.path("model"), "--output",
                              self.path("models")], check=True, stdout=subprocess.PIPE, text=True).stdout
        return out.splitlines()[-1].split(" ")[0]

    def config(self, text="", **keys):
        """One that runs here, with other keys on top; a key that is None is left out."""
        wanted = dict(model=self.spec, owner_address="EQowner", model_dir=self.path("models"), no_tdx="yes", accel="tcg",
                      vsock_cid="0", ssh_port=free_port(), http_port=free_port(), persistent_size="64M")
        wanted.update(keys)
        lines = ["%s = %s" % (k, v) for k, v in wanted.items() if v is not None]
        return self.write("worker.conf", "[node]\n" + "\n".join(lines) + "\n" + text, 0o600)

    def start(self, *arguments, env=None, **how):
        return subprocess.Popen([self.program] + list(arguments), env=dict(self.env, **(env or {})), cwd=self.dir, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)

    def launch(self, *arguments, status=0, env=None):
        process = self.start(*arguments, env=env)
        out, err = process.communicate(timeout=PATIENCE)
        expect("Sanitizer" not in err, err)
        expect_equal(process.returncode, status, "%r, which printed %r and %r: status" % (arguments, out, err))
        return Result(process.returncode, out, err)

    def refused(self, reason, *arguments, status=1, env=None):
        result = self.launch(*arguments, status=status, env=env)
        expect(re.search(reason, result.err), "the reason is not %s: %s" % (reason, result.err))
        expect(not os.path.exists(self.path("qemu.json")), "QEMU was started all the same")
        return result.err

    def until(self, condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            expect(time.monotonic() < end, "it takes too long")
            time.sleep(0.01)

    def qemu(self):
        said = json.loads(self.read("qemu.json"))
        os.unlink(self.path("qemu.json"))
        return said

    def end(self):
        shutil.rmtree(self.dir)
