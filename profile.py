"""The dockercoins labs on a few machines: a head and some workers, with Docker on each and a private network between
them. Swarm's traffic stays on the private network.

Instructions:
Wait until the nodes are Ready and their startup has finished, then open a shell on `head` and type `sudo -i lab list`.
The guide for teachers is docs/cloudlab.md in the repository.
"""

import geni.portal as portal
import geni.rspec.pg as pg
import geni.rspec.emulab  # noqa: F401 (adds Blockstore and installRootKeys to nodes)

# Not within 10.0.0.0/8, from which Swarm takes its overlay networks.
SUBNET = "192.168.77"
MASK = "255.255.255.0"
# More than this have no room in a class, and the last byte of an address has to hold them.
MOST_WORKERS = 50

IMAGES = [
    ("urn:publicid:IDN+emulab.net+image+emulab-ops//UBUNTU24-64-STD", "Ubuntu 24.04"),
    ("urn:publicid:IDN+emulab.net+image+emulab-ops//UBUNTU22-64-STD", "Ubuntu 22.04"),
]

pc = portal.Context()
pc.defineParameter("workers", "Workers beside the head", portal.ParameterType.INTEGER, 2,
                   longDescription="The labs want two. One head is always there.")
pc.defineParameter("node_type", "Type of the nodes", portal.ParameterType.NODETYPE, "",
                   longDescription="Empty for any that is free. All nodes get the same.")
pc.defineParameter("image", "Operating system", portal.ParameterType.IMAGE, IMAGES[0], IMAGES)
pc.defineParameter("disk_gb", "Space for Docker's data, in GB", portal.ParameterType.INTEGER, 30,
                   longDescription="A file system of its own on each node: the system's own is small. 0 leaves it there.")
pc.defineParameter("swarm", "Make the swarm already", portal.ParameterType.BOOLEAN, False,
                   longDescription="Leave it out for the labs: making it is one of them.")
pc.defineParameter("firewall", "Close the control network", portal.ParameterType.BOOLEAN, True,
                   longDescription="Only ssh is let in from outside. Open, everybody on the internet reaches the ports that labs publish.")
params = pc.bindParameters()

if not 1 <= params.workers <= MOST_WORKERS:
    pc.reportError(portal.ParameterError("There are 1 to %d workers." % MOST_WORKERS, ["workers"]))
if params.disk_gb < 0:
    pc.reportError(portal.ParameterError("The space for Docker is 0 GB or more.", ["disk_gb"]))
pc.verifyParameters()

request = pc.makeRequestRSpec()
private = request.LAN("private")
# Nodes of any size share switches: nothing here needs a guaranteed rate.
private.best_effort = True

names = ["head"] + ["worker-%d" % n for n in range(1, params.workers + 1)]
for n, name in enumerate(names, 1):
    node = request.RawPC(name)
    node.disk_image = params.image
    if params.node_type:
        node.hardware_type = params.node_type
    interface = node.addInterface("private")
    interface.addAddress(pg.IPv4Address("%s.%d" % (SUBNET, n), MASK))
    private.addInterface(interface)
    if params.disk_gb:
        disk = node.Blockstore("docker-%s" % name, "/docker")
        disk.size = "%dGB" % params.disk_gb
    # head reaches the others as root: the labs run commands there.
    node.installRootKeys(name == "head", True)
    command = "sudo /local/repository/lab/cloudlab/setup.sh %s %s %d %d %d" % (
        name, SUBNET, params.workers, 1 if params.swarm else 0, 1 if params.firewall else 0)
    node.addService(pg.Execute(shell="bash", command=command + " >/tmp/swarmlab-setup.log 2>&1"))

pc.printRequestRSpec(request)
