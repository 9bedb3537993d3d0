"""Checks the requests that profile.py makes: python3 lab/cloudlab/check.py"""

import json
import os
import subprocess
import sys
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


check()
check(workers=1)
check(workers=50, node_type="m510", disk_gb=0)
check(swarm=True)
check(firewall=False)
refused("workers", workers=0)
refused("workers", workers=51)
refused("disk_gb", disk_gb=-1)
print("5 requests are as they should be, 3 are refused")
