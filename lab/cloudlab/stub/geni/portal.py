"""The portal: parameters of a profile, and where its request is printed."""

import json
import os
import sys
from types import SimpleNamespace

from geni.rspec import pg


class ParameterType(object):
    INTEGER = "integer"
    STRING = "string"
    BOOLEAN = "boolean"
    IMAGE = "image"
    NODETYPE = "nodetype"


class ParameterError(Exception):
    def __init__(self, message, parameters):
        super().__init__(message)
        self.parameters = parameters


class Context(object):
    def __init__(self):
        self.defined = {}
        self.errors = []

    def defineParameter(self, name, description, typ, defaultValue, legalValues=None, longDescription=None,
                        advanced=False, groupId=None, hide=False):
        assert name not in self.defined, "parameter %s is defined twice" % name
        value = lambda one: one[0] if isinstance(one, tuple) else one
        if legalValues:
            assert value(defaultValue) in [value(one) for one in legalValues], "%s: bad default" % name
        self.defined[name] = value(defaultValue)

    def bindParameters(self):
        given = json.loads(os.environ.get("PROFILE_PARAMETERS", "{}"))
        unknown = set(given) - set(self.defined)
        assert not unknown, "there is no parameter %s" % unknown
        return SimpleNamespace(**{**self.defined, **given})

    def reportError(self, error, immediate=False):
        self.errors.append(error)

    def verifyParameters(self):
        if self.errors:
            sys.exit("; ".join("%s: %s" % (", ".join(e.parameters), e) for e in self.errors))

    def makeRequestRSpec(self):
        return pg.Request()

    def printRequestRSpec(self, request):
        print(request.toXMLString())
