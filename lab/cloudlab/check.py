"""Checks the requests that profile.py makes, and the scripts of a machine without one: python3 lab/cloudlab/check.py"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[2]
RSPEC = "{http://www.geni.net/resources/rspec/3}"
EMULAB = "{http://www.protogeni.net/resources/rspec/ext/emulab/1}"


def profile(**parameters):
    """Runs the profile and returns its exit code, what it complained of, and its request."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lab/cloudlab/stub"), "PYTHONDONTWRITEBYTECODE": "1",
                   "PROFILE_PARAMETERS": json.dumps(parameters)}
    run = subprocess.run([sys.executable, ROOT / "profile.py"], env=environment, capture_output=True, text=True)
    return run.returncode, run.stderr, ET.fromstring(run.stdout) if run.returncode == 0 else None


def check(**parameters):
    """What must be so in every request."""
    code, said, request = profile(**parameters)
    assert code == 0, said
    workers = parameters.get("workers", 2)
    nodes = request.findall(RSPEC + "node")
    names = [node.get("client_id") for node in nodes]
    assert names == ["head"] + ["worker-%d" % n for n in range(1, workers + 1)], names
    (lan,) = request.findall(RSPEC + "link")
    members = {ref.get("client_id") for ref in lan.findall(RSPEC + "interface_ref")}
    addresses = []
    for node in nodes:
        (interface,) = node.findall(RSPEC + "interface")
        assert interface.get("client_id") in members
        (ip,) = interface.findall(RSPEC + "ip")
        addresses.append(ip.get("address"))
        hardware = node.find(RSPEC + "hardware_type")
        assert (hardware.get("name") if hardware is not None else "") == parameters.get("node_type", "")
        stores = node.findall(EMULAB + "blockstore")
        assert [store.get("mountpoint") for store in stores] == (["/docker"] if parameters.get("disk_gb", 30) else [])
        (execute,) = node.findall(RSPEC + "services/" + RSPEC + "execute")
        words = execute.get("command").split()
        # The script and its arguments, as the script reads them.
        assert (ROOT / words[1].replace("/local/repository/", "")).is_file(), words
        swarm = "1" if parameters.get("swarm") else "0"
        firewall = "0" if parameters.get("firewall") is False else "1"
        assert words[2:7] == [node.get("client_id"), "192.168.77", str(workers), swarm, firewall], words
        keys = node.find(EMULAB + "rootkey")
        assert keys.get("private") == str(node.get("client_id") == "head").lower()
    assert len(set(addresses)) == len(nodes) == len(members)
    assert not any(address.startswith("10.") for address in addresses), "Swarm's overlays are in 10.0.0.0/8"


def refused(expected, **parameters):
    """The profile ends with a complaint about the parameter."""
    code, said, _ = profile(**parameters)
    assert code != 0 and expected in said, (code, said)


class Machine:
    """A folder with what a script finds on a machine, and stand-ins for the commands that change one."""

    def __init__(self, folder, **commands):
        self.root = Path(folder)
        self.log = self.root / "log"
        for name, script in commands.items():
            path = self.root / "bin" / name.replace("_", "-")
            path.parent.mkdir(exist_ok=True)
            path.write_text("#!/bin/sh\necho \"${0##*/} $*\" >>'%s'\n%s\n" % (self.log, script))
            path.chmod(0o755)

    def run(self, script, *words):
        """Runs a script of ours, and returns its exit code and what it said."""
        environment = {**os.environ, "ROOT": str(self.root), "PATH": "%s:%s" % (self.root / "bin", os.environ["PATH"])}
        run = subprocess.run([ROOT / "lab/cloudlab" / script, *map(str, words)], env=environment, capture_output=True, text=True)
        return run.returncode, run.stdout + run.stderr

    def did(self, command):
        """The calls of a stand-in."""
        return [line for line in self.log.read_text().splitlines() if line.split()[0] == command] if self.log.exists() else []


def data_stays(written, left):
    """The data is on the disk, whatever daemon.json said and will say."""
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(folder, mountpoint='[ -e "$2/a-disk" ]', mount='rmdir "$3" && ln -s "$2" "$3"')
        disk, data, settings = machine.root / "disk", machine.root / "lib/docker", machine.root / "daemon.json"
        disk.mkdir()
        words = disk, data, settings
        code, said = machine.run("data.sh", "mount", *words)
        assert code == 1 and "no disk is mounted" in said, (code, said)
        (disk / "a-disk").touch()
        if written is not None:
            settings.write_text(written % disk)
        assert machine.run("data.sh", "mounted", *words)[0] != 0
        for _ in range(2):
            code, said = machine.run("data.sh", "mount", *words)
            assert code == 0, said
        assert len(machine.did("mount")) == 1, "mounted twice"
        assert (data / "a-disk").exists()
        assert machine.run("data.sh", "mounted", *words)[0] == 0
        assert (json.loads(settings.read_text()) if settings.exists() else None) == left


def firewall_has_no_gap(jump_is_there):
    """The rules of each version of IP come in one go, and nothing is taken away before."""
    with tempfile.TemporaryDirectory() as folder:
        asked = 'case "$*" in *-C*) exit %d ;; *-L*) exit 0 ;; esac' % (0 if jump_is_there else 1)
        restore = 'cat >"%s/${0##*/}.rules"' % folder
        machine = Machine(folder, iptables=asked, ip6tables=asked, iptables_restore=restore, ip6tables_restore=restore)
        code, said = machine.run("firewall.sh", "on", "lan0")
        assert code == 0 and "only ssh" in said, (code, said)
        for command in ["iptables", "ip6tables"]:
            assert len(machine.did(command + "-restore")) == 1
            assert not any(flag in line for line in machine.did(command) for flag in [" -D ", " -F ", " -X ", " -A "]), machine.did(command)
            rules = (machine.root / (command + "-restore.rules")).read_text().splitlines()
            assert rules[0] == "*mangle" and rules[-1] == "COMMIT" and "-A SWARMLAB -p tcp -j DROP" in rules, rules
            assert ("-A PREROUTING -i lan0 -j SWARMLAB" in rules) == (not jump_is_there), rules


def before_docker(words, runs):
    """The unit runs what it should before Docker, and Docker does not start without it."""
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(folder, systemctl="")
        unit = machine.root / "etc/systemd/system/swarmlab.service"
        for _ in range(2):
            code, said = machine.run("before-docker.sh", *words)
            assert code == 0, said
        lines = unit.read_text().splitlines() if unit.exists() else []
        assert [line.split("=")[1] for line in lines if line.startswith("ExecStart=")] == runs, lines
        assert not lines or {"Before=docker.service", "RequiredBy=docker.service"} <= set(lines), lines
        for run in runs:
            assert os.access(str(machine.root) + run.split()[0], os.X_OK), run
        assert ("systemctl enable swarmlab.service" in machine.did("systemctl")) == bool(runs)
        assert machine.run("before-docker.sh")[0] == 0 and not unit.exists(), "what is not wanted any more stays"


check()
check(workers=1)
check(workers=50, node_type="m510", disk_gb=0)
check(swarm=True)
check(firewall=False)
refused("workers", workers=0)
refused("workers", workers=51)
refused("disk_gb", disk_gb=-1)
data_stays(None, None)
data_stays('{"data-root": "%s"}\n', None)
data_stays('{"data-root": "%s", "dns": ["192.168.77.1"]}', {"dns": ["192.168.77.1"]})
firewall_has_no_gap(False)
firewall_has_no_gap(True)
lib = "/usr/local/lib/swarmlab"
before_docker([], [])
before_docker(["--firewall"], [lib + "/firewall.sh on"])
before_docker(["--disk", "--firewall"], [lib + "/data.sh mount", lib + "/firewall.sh on"])
setup = (ROOT / "lab/cloudlab/setup.sh").read_text()
assert "daemon.json" not in setup, "labs write daemon.json and remove it: nothing of the machine's may be in it"
print("5 requests are as they should be, 3 are refused; Docker's data stays on its disk, and the firewall has no gap")
