"""The public application's random-number service, as a peer for tests: Flask's own server, one request at a time."""

import os
import socket
import sys
import time

from flask import Flask, Response

DELAY = float(os.environ.get("DELAY", "0.1"))
app = Flask(__name__)


@app.route("/")
def greet():
    return Response(f"RNG running on {socket.gethostname()}\n", content_type="text/plain")


@app.route("/<int:count>")
def random_bytes(count):
    time.sleep(DELAY)
    return Response(os.urandom(count), content_type="application/octet-stream")


app.run(host="127.0.0.1", port=int(sys.argv[1]), threaded=False)
