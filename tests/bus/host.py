# SPDX-License-Identifier: Apache-2.0
"""A host for the daemon's tests: a bus of its own, PCI devices that umockdev shows, a polkit that says what it is told,
and the real daemon with a scripted worker. Needs root, because the bus policy knows users."""

import json, os, shutil, signal, subprocess, sys, tempfile, time

if "UMOCKDEV_DIR" not in os.environ and "umockdev" not in os.environ.get("LD_PRELOAD", ""):
    for program in "umockdev-wrapper", "dbus-daemon", "busctl", "systemd-stdio-bridge", "setpriv":
        if not shutil.which(program):
            print("1..0 # SKIP %s is not installed" % program)
            sys.exit(0)
    if os.geteuid() != 0:
        print("1..0 # SKIP only root may own names on a bus with a policy")
        sys.exit(0)
    os.execvp("umockdev-wrapper", ["umockdev-wrapper", sys.executable] + sys.argv)

try:
    import gi
    gi.require_version("UMockdev", "1.0")
    from gi.repository import Gio, GLib, UMockdev
except (ImportError, ValueError) as e:
    print("1..0 # SKIP %s" % e)
    sys.exit(0)

NAME, ROOT = "org.cocoon.Host1", "/org/cocoon/Host1"
ERROR = "org.cocoon.Host1.Error."
H100 = dict(vendor="0x10de", device="0x2331", **{"class": "0x030200"}, numa_node="0")
PATIENCE = 30  # seconds; nothing here depends on how fast the machine is

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=%(dir)s/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <policy user="root">
    <allow own="org.freedesktop.PolicyKit1"/>
    <allow own="org.freedesktop.systemd1"/>
    <allow send_destination="org.freedesktop.systemd1"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Debug.Stats"/>
  </policy>
  <include>%(policy)s/org.cocoon.Host1.conf</include>
</busconfig>"""

POLKIT = """<node><interface name="org.freedesktop.PolicyKit1.Authority"><method name="CheckAuthorization">
 <arg type="(sa{sv})" direction="in"/><arg type="s" direction="in"/><arg type="a{ss}" direction="in"/>
 <arg type="u" direction="in"/><arg type="s" direction="in"/><arg type="(bba{ss})" direction="out"/>
 </method></interface></node>"""


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def expect_equal(found, wanted, what):
    expect(found == wanted, "%s: expected %r, found %r" % (what, wanted, found))


def until(question, what):
    """Runs the main loop until the question is answered with something true, which is returned."""
    context, end = GLib.MainContext.default(), time.monotonic() + PATIENCE
    while True:
        answer = question()
        if answer:
            return answer
        expect(time.monotonic() < end, "waited in vain until " + what)
        if not context.iteration(False):
            time.sleep(0.005)


WITH_ME = ["setpriv", "--pdeathsig", "KILL"]  # also when the test is killed
IN_NAMESPACE = ["unshare", "--mount", "--propagation=private", "sh", "-c"]


def can_mount():
    return subprocess.run(IN_NAMESPACE + ["mount --bind /etc/group /etc/group"], stderr=subprocess.DEVNULL).returncode == 0


class BusError(Exception):
    def __init__(self, error):
        self.name = Gio.DBusError.get_remote_error(error) or error.message
        Gio.DBusError.strip_remote_error(error)
        super().__init__("%s: %s" % (self.name, error.message))
        self.message = error.message


class Host:
    def __init__(self, program, worker, policy, gpus=("0000:01:00.0",), start=True, config="", group=False):
        self.program, self.worker, self.prefix = program, worker, []
        self.dir = tempfile.mkdtemp(prefix="cocoon-bus-")
        os.chmod(self.dir, 0o755)
        self.slow = os.path.join(self.dir, "slow-disk")
        self.root, self.workers = os.path.join(self.dir, "root"), os.path.join(self.dir, "workers")
        self.state = os.path.join(self.root, "var/lib/cocoon/gpu")
        for path in self.workers, os.path.join(self.root, "etc/cocoon"):
            os.makedirs(path)
        if group:
            with open(os.path.join(self.dir, "group"), "w") as f:
                f.write("root:x:0:\ncocoon:x:64999:\ncocoon-worker:x:64997:\n")
            self.prefix = IN_NAMESPACE + ['mount --bind "$0" /etc/group && exec "$@"', f.name]
        self.testbed, self.daemon, self.stored, self.signals = UMockdev.Testbed.new(), None, [], []
        for address in gpus:
            self.add(address)
        with open(os.path.join(self.dir, "bus.conf"), "w") as f:
            f.write(BUS_CONFIG % {"dir": self.dir, "policy": policy})
        self.bus = subprocess.Popen(WITH_ME + ["dbus-daemon", "--nofork", "--nopidfile", "--config-file", self.dir + "/bus.conf",
                                     "--print-address=1"], stdout=subprocess.PIPE,
                                    stderr=open(os.path.join(self.dir, "bus.log"), "w"), text=True)
        self.address = self.bus.stdout.readline().strip()
        self.env = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.address,
                        UMOCKDEV_DIR=self.testbed.get_root_dir(), COCOON_SIM_WORKERS=self.workers,
                        ASAN_OPTIONS="verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", ""))
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.connection = Gio.DBusConnection.new_for_address_sync(self.address, flags, None, None)
        self.connection.set_exit_on_close(False)
        self.connection.signal_subscribe(NAME, None, None, None, None, Gio.DBusSignalFlags.NONE, self.on_signal)
        self.configure(config)
        if start:
            self.start()

    # Devices

    def add(self, address, driver="nvidia", group="7", **attributes):
        attributes = dict(H100, **attributes)
        flat = [x for pair in attributes.items() for x in pair if pair[1] is not None]
        path = self.testbed.add_device("pci", address, None, flat, [])
        real = os.path.join(self.testbed.get_root_dir(), "sys/devices", address)
        for name in "nvidia", "vfio-pci":
            os.makedirs(os.path.join(self.testbed.get_root_dir(), "sys/bus/pci/drivers", name), exist_ok=True)
        if driver:
            os.symlink("../../bus/pci/drivers/" + driver, real + "/driver")
        if group:
            os.symlink("../../kernel/iommu_groups/" + group, real + "/iommu_group")
        return path

    def plug(self, address, **how):
        self.testbed.uevent(self.add(address, **how), "add")

    def unplug(self, address):
        path = "/sys/devices/" + address
        self.testbed.uevent(path, "remove")
        self.testbed.remove_device(path)

    def bind(self, address, driver):
        link = os.path.join(self.testbed.get_root_dir(), "sys/devices", address, "driver")
        if os.path.lexists(link):
            os.unlink(link)
        if driver:
            os.symlink("../../bus/pci/drivers/" + driver, link)
        self.testbed.uevent("/sys/devices/" + address, "bind" if driver else "unbind")

    # The worker

    def write_worker(self, address, kind, text):
        with open(os.path.join(self.workers, address + "." + kind), "w") as f:
            f.write(text)

    def fault(self, address, text):
        self.write_worker(address, "fault", text)

    def worker_log(self, address):
        try:
            with open(os.path.join(self.workers, address + ".log")) as f:
                return [json.loads(line) for line in f.read().splitlines()]
        except FileNotFoundError:
            return []

    def steps(self, address, operation):
        return [e["step"] for e in self.worker_log(address) if e["operation"] == operation and "step" in e]

    # The daemon

    def configure(self, text):
        with open(os.path.join(self.root, "etc/cocoon/hostd.conf"), "w") as f:
            f.write(text)

    def start(self, wait=True):
        until(lambda: not self.has_owner(), "the last daemon has left the bus")
        while GLib.MainContext.default().iteration(False):
            pass  # its last signals: the numbers of jobs begin anew
        self.signals = []
        self.log = open(os.path.join(self.dir, "log"), "ab+")
        self.daemon = subprocess.Popen(WITH_ME + self.prefix + [self.program, "--root", self.root, "--worker", self.worker],
                                       env=self.env, stderr=self.log, pass_fds=self.stored)
        if wait:
            until(self.is_there, "the daemon is on the bus")

    def is_there(self):
        expect(self.daemon.poll() is None, "the daemon ended: " + self.said())
        return self.has_owner()

    def has_owner(self):
        return self.raw("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", "(s)",
                        NAME)[0]

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def slow_disk(self, slow):
        """From now on nothing gets onto the disk of a daemon that was started with SLOW_DISK, or all does."""
        if slow:
            open(self.slow, "w").close()
        else:
            os.unlink(self.slow)

    def stop(self, how=signal.SIGTERM, wait=True):
        self.daemon.send_signal(how)
        return self.wait() if wait else None

    def wait(self):
        self.daemon.wait(PATIENCE)
        status, self.daemon = self.daemon.returncode, None
        return status

    def record(self, address):
        try:
            with open(os.path.join(self.state, address + ".json")) as f:
                return json.load(f)
        except FileNotFoundError:
            return None

    def write_record(self, address, text):
        os.makedirs(self.state, exist_ok=True)
        with open(os.path.join(self.state, address + ".json"), "w") as f:
            f.write(text if isinstance(text, str) else json.dumps(text))

    # The bus

    def on_signal(self, connection, sender, path, interface, name, parameters):
        self.signals.append((path, interface, name, parameters.unpack()))

    def raw(self, name, path, interface, method, signature=None, *arguments):
        try:
            reply = self.connection.call_sync(name, path, interface, method,
                                              GLib.Variant(signature, arguments) if signature else None, None,
                                              Gio.DBusCallFlags.NONE, PATIENCE * 1000, None)
        except GLib.Error as e:
            raise BusError(e) from None
        return reply.unpack()

    def answers(self):
        try:
            self.connection.call_sync(NAME, ROOT, "org.freedesktop.DBus.Peer", "Ping", None, None, Gio.DBusCallFlags.NONE, 200, None)
        except GLib.Error:
            return False
        return True

    def manager(self, method, signature=None, *arguments):
        reply = self.raw(NAME, ROOT, NAME + ".Manager", method, signature, *arguments)
        return reply[0] if reply else None

    def subscribers(self):
        """How many others listen to signals of the daemon."""
        rules = self.raw("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Debug.Stats", "GetAllMatchRules")
        return sum(any("/job" in rule for rule in matches) for matches in rules[0].values())

    def prepare(self, address):
        return self.manager("PrepareGPU", "(st)", address, 0)

    def restore(self, address):
        return self.manager("RestoreGPU", "(st)", address, 0)

    def lease(self, address, holder="a test"):
        """What Lease() hands out: device, IOMMU and lease."""
        path = self.path(address)
        try:
            reply, fds = self.connection.call_with_unix_fd_list_sync(
                NAME, path, NAME + ".GPU", "Lease", GLib.Variant("(s)", (holder,)), None, Gio.DBusCallFlags.NONE,
                PATIENCE * 1000, None, None)
        except GLib.Error as e:
            raise BusError(e) from None
        fds = fds.steal_fds()
        return [fds[i] for i in reply.unpack()]

    def path(self, address):
        return self.manager("GetGPU", "(s)", address)

    def get(self, path, kind, name):
        return self.raw(NAME, path, "org.freedesktop.DBus.Properties", "Get", "(ss)", NAME + "." + kind, name)[0]

    def gpu(self, address, name):
        return self.get(self.path(address), "GPU", name)

    def objects(self):
        return self.raw(NAME, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")[0]

    def jobs(self):
        return {p: o[NAME + ".Job"] for p, o in self.objects().items() if NAME + ".Job" in o}

    def refused(self, wanted, function, *arguments):
        try:
            function(*arguments)
        except BusError as e:
            expect_equal(e.name, wanted, "error")
            return e.message
        raise AssertionError("not refused with " + wanted)

    def finished(self, job):
        """Waits for the end of a job: result, error, message."""
        def find():
            return next((s[3] for s in self.signals if s[0] == job and s[2] == "Finished"), None)
        return until(find, "job %s is finished; the daemon said: %s" % (job, self.said()))

    def idle(self):
        until(lambda: not self.jobs(), "no job is left")

    def run(self, job, wanted="done"):
        outcome = self.finished(job)
        expect_equal(outcome[0], wanted, "result of %r" % (outcome,))
        return outcome

    def as_nobody(self, method, *arguments, groups=(), user=65534):
        """busctl, run by a user that nobody knows: exit status and what it printed. The main loop runs meanwhile, because
        polkit is here."""
        argv = ["busctl", "--address=" + self.address, "call", NAME, ROOT, NAME + ".Manager", method] + list(arguments)
        process = subprocess.Popen(argv, user=user, group=65534, extra_groups=list(groups), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        until(lambda: process.poll() is not None, "busctl ends")
        return process.returncode, process.stdout.read()

    def polkit(self, answer):
        """`answer`: a function of (action, flags) that returns (allowed, challenge), or None for no answer."""
        def on_call(connection, sender, path, interface, method, parameters, invocation):
            subject, action, _, flags, _ = parameters.unpack()
            self.asked.append((subject, action, flags))
            verdict = answer(action, flags)
            if verdict:
                invocation.return_value(GLib.Variant("((bba{ss}))", (verdict + ({},),)))
        self.asked = []
        self.connection.register_object("/org/freedesktop/PolicyKit1/Authority",
                                        Gio.DBusNodeInfo.new_for_xml(POLKIT).interfaces[0], on_call, None, None)
        self.raw("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName", "(su)",
                 "org.freedesktop.PolicyKit1", 0)

    def end(self):
        if self.daemon:
            expect_equal(self.stop(), 0, "exit status of the daemon, which said: %s" % self.said())
            expect("Sanitizer" not in self.said(), self.said())
        self.destroy()

    def destroy(self):
        """What is left of a test that failed goes too."""
        for entry in [e for a in os.listdir(self.workers) if a.endswith(".log") for e in self.worker_log(a[:-4])]:
            try:
                with open("/proc/%d/cmdline" % entry["pid"]) as f:
                    if "gpu-worker" in f.read():
                        os.kill(entry["pid"], signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError):
                pass
        if self.daemon:
            self.stop(signal.SIGKILL)
        self.connection.close_sync(None)
        self.bus.terminate()
        self.bus.wait()
        self.testbed.clear()
        shutil.rmtree(self.dir)


def run_tests(tests, make_host):
    """TAP; each test is a function of a fresh host, given what its attribute `host` says."""
    failed = False
    print("1..%d" % len(tests))
    for number, test in enumerate(tests, 1):
        host, why, title = None, None, test.__doc__.split("\n")[0]
        if getattr(test, "lacks", None):
            print("ok %d - %s # SKIP %s" % (number, title, test.lacks))
            continue
        try:
            host = make_host(**getattr(test, "host", {}))
            test(host)
            host.end()
        except Exception as e:  # whatever it is, the other tests go on
            why = str(e) or repr(e)
            if host:
                why += "\nthe daemon said: " + host.said()
                host.destroy()
        failed = failed or why is not None
        print("%sok %d - %s" % ("" if why is None else "not ", number, title))
        if why is not None:
            print("\n".join("# " + line for line in why.splitlines()))
        sys.stdout.flush()
    sys.exit(failed)


def given(**how):
    def mark(test):
        test.host = how
        return test
    return mark


def needs(there, what):
    def mark(test):
        test.lacks = None if there else what
        return test
    return mark
