# SPDX-License-Identifier: Apache-2.0
"""Simulated machines, and directories that stand for guests on them, for programs that run cocoon-attest boot."""

import json, os, re, subprocess, tempfile

RTMR3 = "sys/devices/virtual/misc/tdx_guest/measurements/rtmr3:sha384"


class Tools:
    """What was built: programs, the fake kernel interface of TDX, the directory of fake libraries; and the policies."""

    def __init__(self, attest, sim, tdx_kernel, libraries, policies):
        self.attest, self.sim, self.tdx_kernel = map(os.path.abspath, (attest, sim, tdx_kernel))
        self.libraries, self.policies = map(os.path.abspath, (libraries, policies))


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


class Machine:
    """A simulated machine: its driver and its manufacturer's services, in one process."""

    def __init__(self, tools, work, *devices):
        self.tools = tools
        self.dir = tempfile.mkdtemp(dir=work)
        self.state = os.path.join(work, "state")
        self.log, self.control_file = os.path.join(self.dir, "log"), os.path.join(self.dir, "control")
        self.socket = os.path.join(self.dir, "socket")
        argv = [tools.sim, "serve", "--state", self.state, "--socket", self.socket, "--http", "127.0.0.1:0",
                "--control", self.control_file, "--log", self.log, "--until-eof"]
        for device in devices:
            argv += ["--device", device]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = None
        for line in self.process.stdout:
            if line.startswith("http "):
                self.url = "http://" + line.split()[1]
            if line == "ready\n":
                break
        expect(self.url, "cocoon-sim does not serve")

    def control(self, *lines):
        with open(self.control_file + ".new", "w") as f:
            f.write("".join(line + "\n" for line in lines))
        os.rename(self.control_file + ".new", self.control_file)

    def asked(self, since=0):
        with open(self.log) as f:
            f.seek(since)
            return f.read()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Guest:
    """A directory that stands for / of a guest with that machine."""

    def __init__(self, work, machine, tdx=False, **settings):
        self.root, self.machine = tempfile.mkdtemp(dir=work), machine
        for path in "etc/cocoon", "run", "dev", "cache", "sys/bus/pci/devices":
            os.makedirs(self.path(path))
        self.write("dev/console", b"")
        self.env = dict(os.environ, COCOON_SIM_SOCKET=machine.socket, LD_LIBRARY_PATH=machine.tools.libraries)
        self.settings = {
            "Attest": {"Policy": os.path.join(machine.tools.policies, "attest_policy.json"),
                       "TrustAnchors": os.path.join(machine.state, "anchors")},
            "Devices": {"TimeoutSec": "5s", "Retries": "1"},
            "Collateral": {"Sources": "cache network", "Cache": self.path("cache"), "RIMServiceURL": machine.url,
                           "OCSPServiceURL": machine.url + "/", "AllowHTTP": "yes", "TimeoutSec": "20s", "Retries": "0"},
            "TDX": {},
        }
        for key, value in settings.items():
            section, _, name = key.partition("_")
            self.settings[section][name] = value
        if tdx:
            self.add_tdx()
        self.configure()
        machine.control()

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as f:
            f.write(data)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def configure(self, *more):
        lines = []
        for section, items in self.settings.items():
            lines += [f"[{section}]"] + [f"{k}={v}" for k, v in items.items()]
        self.write("etc/cocoon/attest.conf", "\n".join(lines + list(more) + [""]).encode())

    def add_tdx(self):
        self.env["LD_PRELOAD"] = self.machine.tools.tdx_kernel
        os.makedirs(self.path("sys/kernel/config/tsm/report"))
        for i in range(4):
            self.write(RTMR3.replace("3", str(i), 1), bytes(48))

    def add_pci(self, address, vendor, device_class):
        for name, value in ("vendor", vendor), ("class", device_class):
            self.write(f"sys/bus/pci/devices/{address}/{name}", value.encode() + b"\n")

    def run(self, *argv, prefix=()):
        since = len(self.machine.asked().encode())
        p = subprocess.run([*prefix, self.machine.tools.attest, *argv], env=self.env, capture_output=True, text=True)
        self.asked = self.machine.asked(since)
        return p

    def boot(self, *argv, prefix=()):
        return self.run("boot", "--root", self.root, *argv, prefix=prefix)

    def left(self):
        if not os.path.isdir(self.path("run/cocoon")):
            return []
        return sorted(os.listdir(self.path("run/cocoon")))

    def published(self):
        return [name for name in self.left() if name.startswith("gpu-")]

    def ready_calls(self):
        """What the ready state was set to, and whether the driver agreed."""
        return re.findall(r"end \d+ nvml nvmlSystemSetConfComputeGpusReadyState (\d) -> (\d+)", self.asked)

    def events(self):
        return [json.loads(line) for line in self.read("run/cocoon/rtmr3.log").splitlines()]
