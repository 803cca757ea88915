"""Receives webhooks, checks their signatures with Python's own hmac, and prints one JSON line for each request.

usage: hook.py PORT SECRET STATUS...   Answers with these statuses in turn, with the last one for ever; `hang`: not at all.
"""
import base64
import hashlib
import hmac
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, secret, statuses = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
key = base64.b64decode(secret.removeprefix("whsec_"))
turn = threading.Lock()


def is_signed(headers, body):
    """As docs/alerts.md says."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = headers["webhook-signature"].split(" ")
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return fresh and any(hmac.compare_digest(wanted, one) for one in given)


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with turn:
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            line = {"id": self.headers["webhook-id"], "signed": is_signed(self.headers, body), "status": status}
            print(json.dumps({**line, "event": json.loads(body)}), flush=True)
        if status == "hang":
            time.sleep(60)
            return
        self.send_response(int(status))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", port), Hook)
server.daemon_threads = True
print(json.dumps({"ready": True}), flush=True)
server.serve_forever()
