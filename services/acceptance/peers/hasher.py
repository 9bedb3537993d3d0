"""The public application's hashing service, as a peer for tests: any number of requests at once."""

import hashlib
import os
import socket
import sys
import time

from flask import Flask, Response, request

DELAY = float(os.environ.get("DELAY", "0.1"))
app = Flask(__name__)


@app.get("/")
def greet():
    return Response(f"HASHER running on {socket.gethostname()}\n", content_type="text/plain")


@app.post("/")
def digest():
    time.sleep(DELAY)
    return Response(hashlib.sha256(request.get_data()).hexdigest(), content_type="text/plain")


app.run(host="127.0.0.1", port=int(sys.argv[1]), threaded=True)
