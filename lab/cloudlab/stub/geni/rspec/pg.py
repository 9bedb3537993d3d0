"""Nodes, interfaces and links, and the RSpec that they become."""

from xml.etree import ElementTree as ET

RSPEC = "http://www.geni.net/resources/rspec/3"
EMULAB = "http://www.protogeni.net/resources/rspec/ext/emulab/1"


class IPv4Address(object):
    __slots__ = ("address", "netmask")

    def __init__(self, address, netmask):
        self.address, self.netmask = address, netmask


class Execute(object):
    __slots__ = ("shell", "command")

    def __init__(self, shell, command):
        self.shell, self.command = shell, command


class Interface(object):
    __slots__ = ("client_id", "addresses", "bandwidth")

    def __init__(self, client_id):
        self.client_id, self.addresses, self.bandwidth = client_id, [], None

    def addAddress(self, address):
        self.addresses.append(address)


class Blockstore(object):
    __slots__ = ("name", "mount", "size", "placement", "readonly")

    def __init__(self, name, mount):
        self.name, self.mount, self.size, self.placement, self.readonly = name, mount, None, "any", False


class RawPC(object):
    __slots__ = ("name", "disk_image", "hardware_type", "interfaces", "blockstores", "services", "root_keys")

    def __init__(self, name):
        self.name, self.disk_image, self.hardware_type = name, None, None
        self.interfaces, self.blockstores, self.services, self.root_keys = [], [], [], None

    def addInterface(self, name):
        self.interfaces.append(Interface("%s:%s" % (self.name, name)))
        return self.interfaces[-1]

    def Blockstore(self, name, mount):
        self.blockstores.append(Blockstore(name, mount))
        return self.blockstores[-1]

    def addService(self, service):
        self.services.append(service)

    def installRootKeys(self, private=True, public=True):
        self.root_keys = (private, public)

    def write(self, root):
        node = ET.SubElement(root, "{%s}node" % RSPEC, client_id=self.name, exclusive="true")
        sliver = ET.SubElement(node, "{%s}sliver_type" % RSPEC, name="raw-pc")
        if self.disk_image:
            ET.SubElement(sliver, "{%s}disk_image" % RSPEC, name=self.disk_image)
        if self.hardware_type:
            ET.SubElement(node, "{%s}hardware_type" % RSPEC, name=self.hardware_type)
        for interface in self.interfaces:
            element = ET.SubElement(node, "{%s}interface" % RSPEC, client_id=interface.client_id)
            for address in interface.addresses:
                ET.SubElement(element, "{%s}ip" % RSPEC, address=address.address, netmask=address.netmask, type="ipv4")
        services = ET.SubElement(node, "{%s}services" % RSPEC)
        for service in self.services:
            ET.SubElement(services, "{%s}execute" % RSPEC, shell=service.shell, command=service.command)
        for store in self.blockstores:
            ET.SubElement(node, "{%s}blockstore" % EMULAB, {"name": store.name, "mountpoint": store.mount,
                          "size": store.size, "placement": store.placement, "class": "local"})
        if self.root_keys:
            private, public = (str(flag).lower() for flag in self.root_keys)
            ET.SubElement(node, "{%s}rootkey" % EMULAB, private=private, public=public)


class LAN(object):
    __slots__ = ("name", "interfaces", "best_effort", "bandwidth", "vlan_tagging", "link_multiplexing")

    def __init__(self, name):
        self.name, self.interfaces, self.bandwidth = name, [], None
        self.best_effort = self.vlan_tagging = self.link_multiplexing = False

    def addInterface(self, interface):
        self.interfaces.append(interface)

    def write(self, root):
        link = ET.SubElement(root, "{%s}link" % RSPEC, client_id=self.name)
        for interface in self.interfaces:
            ET.SubElement(link, "{%s}interface_ref" % RSPEC, client_id=interface.client_id)
        ET.SubElement(link, "{%s}link_type" % RSPEC, name="lan")
        if self.best_effort:
            ET.SubElement(link, "{%s}best_effort" % EMULAB, enabled="true")


class Request(object):
    __slots__ = ("resources",)

    def __init__(self):
        self.resources = []

    def RawPC(self, name):
        self.resources.append(RawPC(name))
        return self.resources[-1]

    def LAN(self, name):
        self.resources.append(LAN(name))
        return self.resources[-1]

    def toXMLString(self):
        ET.register_namespace("", RSPEC)
        ET.register_namespace("emulab", EMULAB)
        root = ET.Element("{%s}rspec" % RSPEC, type="request")
        for resource in self.resources:
            resource.write(root)
        return ET.tostring(root, encoding="unicode")
