# SPDX-License-Identifier: Apache-2.0
"""A systemd for the tests of models: it is on the bus, starts and stops the units of models, and really runs what is in them."""

import os, re, signal, subprocess

from host import GLib, Gio, WITH_ME, expect, until

NAME, PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
INTERFACE = """<node><interface name="org.freedesktop.systemd1.Manager">
 <method name="Subscribe"/>
 <method name="StartUnit"><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="o" direction="out"/></method>
 <method name="StopUnit"><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="o" direction="out"/></method>
 <method name="GetUnitByPID"><arg type="u" direction="in"/><arg type="o" direction="out"/></method>
 <method name="ListUnitsByPatterns"><arg type="as" direction="in"/><arg type="as" direction="in"/>
 <arg type="a(ssssssouso)" direction="out"/></method>
 </interface></node>"""


def escape(text):
    plain = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:_."
    return "".join("-" if c == "/" else c if c in plain else "\\x%02x" % ord(c) for c in text)


def unescape(text):
    return re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), text.replace("-", "/"))


def encode(name):
    """sd_bus_path_encode(3)"""
    return "".join(c if c.isascii() and c.isalnum() and not (i == 0 and c.isdigit()) else "_%02x" % ord(c)
                   for i, c in enumerate(name))


class Unit:
    def __init__(self, name, job, process):
        self.name, self.job, self.process, self.stopping = name, job, process, False


class Systemd:
    def __init__(self, host, units, model, environment):
        self.host, self.units, self.model, self.environment = host, units, model, environment
        self.running, self.last_job, self.started, self.broken = {}, 0, [], None
        self.pretend = {}  # whose process a number is said to be
        host.connection.register_object(PATH, Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0], self.on_call, None, None)
        self.own("RequestName", "(su)", NAME, 0)

    def own(self, method, signature, *arguments):
        self.host.raw("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", method, signature, *arguments)

    def command(self, name):
        """The unit's own command line, with the specifiers that it has."""
        template, instance = re.fullmatch(r"([a-z-]+@)(.*)\.service", name).groups()
        with open(os.path.join(self.units, template + ".service")) as f:
            line = next(line for line in f if line.startswith("ExecStart="))
        words = line.strip().split("=", 1)[1].split(" ")
        expect(words[0].endswith("/bin/cocoon-model"), line)
        root = self.host.root
        place = {"%S": root + "/var/lib", "%I": unescape(instance), "/run/": root + "/run/"}
        return [self.model] + [re.sub("%S|%I|^/run/", lambda m: place[m[0]], word) for word in words[1:]]

    def emit_removed(self, job, name, result):
        self.host.connection.emit_signal(None, PATH, NAME + ".Manager", "JobRemoved",
                                         GLib.Variant("(uoss)", (job, "%s/job/%d" % (PATH, job), name, result)))

    def start(self, name):
        if name in self.running:
            return self.running[name].job
        self.last_job += 1
        self.started.append(name)
        process = subprocess.Popen(WITH_ME + self.command(name), env=dict(self.host.env, **self.environment),
                                   stdout=self.host.log, stderr=self.host.log)
        unit = self.running[name] = Unit(name, self.last_job, process)
        GLib.child_watch_add(GLib.PRIORITY_DEFAULT, process.pid, self.on_exit, unit)
        return unit.job

    def on_exit(self, pid, status, unit):
        unit.process.returncode = os.waitstatus_to_exitcode(status)
        del self.running[unit.name]
        if unit.stopping:
            self.emit_removed(unit.stopping, unit.name, "done")
        else:
            self.emit_removed(unit.job, unit.name, "done" if unit.process.returncode == 0 else "failed")

    def stop(self, name):
        self.last_job += 1
        unit = self.running.get(name)
        if unit and not unit.stopping:
            unit.stopping = self.last_job
            self.emit_removed(unit.job, name, "canceled")
            unit.process.send_signal(signal.SIGTERM)
        elif not unit:
            self.emit_removed(self.last_job, name, "done")
        return self.last_job

    def find(self, pid):
        return self.pretend.get(pid) or next((u.name for u in self.running.values() if u.process.pid == pid), None)

    def on_call(self, connection, sender, path, interface, method, parameters, invocation):
        arguments = parameters.unpack()
        if self.broken:
            invocation.return_dbus_error(NAME + ".NoSuchUnit", self.broken)
        elif method == "StartUnit":
            invocation.return_value(GLib.Variant("(o)", ("%s/job/%d" % (PATH, self.start(arguments[0])),)))
        elif method == "StopUnit":
            invocation.return_value(GLib.Variant("(o)", ("%s/job/%d" % (PATH, self.stop(arguments[0])),)))
        elif method == "GetUnitByPID":
            name = self.find(arguments[0])
            if name:
                invocation.return_value(GLib.Variant("(o)", (PATH + "/unit/" + encode(name),)))
            else:
                invocation.return_dbus_error(NAME + ".NoUnitForPID", "no unit")
        elif method == "ListUnitsByPatterns":
            rows = [(u.name, "", "loaded", "activating", "start", "", PATH + "/unit/" + encode(u.name),
                     u.job, "start", "%s/job/%d" % (PATH, u.job)) for u in self.running.values() if not u.stopping]
            invocation.return_value(GLib.Variant("(a(ssssssouso))", (rows,)))
        else:
            invocation.return_value(None)

    def end(self):
        for unit in list(self.running.values()):
            unit.process.kill()
        until(lambda: not self.running, "all units are gone")
