"""Opens COUNT connections to ADDRESS, says so, and sends nothing: hold.py ADDRESS COUNT"""
import signal
import socket
import sys

host, port = sys.argv[1].rsplit(":", 1)
held = [socket.create_connection((host, int(port))) for _ in range(int(sys.argv[2]))]
print(f"connected {len(held)}", flush=True)
signal.pause()
