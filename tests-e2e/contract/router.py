"""One address in front of the Prism mocks, one mock per official file, and a record of every request.

usage: router.py OPERATIONS_JSON PORT_FILE NAME=PORT...
Serves /management-api/* by forwarding and /_router/report: all official operations, and of every request which
operation it meant, how the mock answered and what the mock found wrong with the request.
"""

import http.client
import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/management-api"
ROUTES = (
    ("/oauth/", "authorization"),
    ("/v1/sims", "sims-v1"),
    ("/v2/sims", "sims-v2"),
    ("/v1/orders", "orders"),
    ("/v1/products", "products"),
    ("/v1/support", "support"),
)
# They belong to one connection only.
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "host")


def patterns(operations):
    """(regex of method and path, operation), the most literal first: /sims/limits is no /sims/{iccid}."""
    rows = [
        (re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(operation))), operation)
        for operation in operations
    ]
    return sorted(rows, key=lambda row: row[1].count("{"))


def wrong_with_request(headers, body):
    """What Prism holds against the request: told in a header, and in the body of an answer of its own."""
    found = json.loads(headers.get("sl-violations") or "[]")
    found = [entry for entry in found if entry["location"][0] == "request"]
    if headers.get("content-type", "").startswith("application/problem+json"):
        problem = json.loads(body)
        found += problem.get("validation") or [{"message": problem.get("title"), "location": ["request"]}]
    return found


class Router(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mocks = {}
    operations = []
    patterns = []
    requests = []
    lock = threading.Lock()

    def log_message(self, *_):
        pass

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.path == "/_router/report":
            with self.lock:
                report = {"operations": self.operations, "requests": self.requests}
                answer = json.dumps(report).encode()
            return self.reply(200, [("Content-Type", "application/json")], answer)
        path = self.path.removeprefix(PREFIX)
        name = next((name for prefix, name in ROUTES if path.startswith(prefix)), None)
        if name is None or path == self.path:
            return self.note(path, 404, [{"message": "no official file has this path"}]) or self.reply(404, [], b"")
        return self.forward(self.mocks[name], path, body)

    def forward(self, port, path, body):
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        mock = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        mock.request(self.command, path, body or None, headers)
        answer = mock.getresponse()
        text = answer.read()
        mock.close()
        self.note(path, answer.status, wrong_with_request(answer.headers, text))
        self.reply(answer.status, answer.getheaders(), text)

    def note(self, path, status, violations):
        call = f"{self.command} {path.partition('?')[0]}"
        operation = next((name for pattern, name in self.patterns if pattern.fullmatch(call)), None)
        entry = {"call": f"{self.command} {path}", "operation": operation, "status": status, "violations": violations}
        with self.lock:
            self.requests.append(entry)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any


def main():
    operations_file, port_file, *mocks = sys.argv[1:]
    with open(operations_file, encoding="utf-8") as file:
        operations = json.load(file)
    Router.mocks = {name: int(port) for name, port in (mock.split("=") for mock in mocks)}
    Router.operations = operations
    Router.patterns = patterns(operations)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Router)
    with open(f"{port_file}.part", "w", encoding="utf-8") as file:
        file.write(f"{server.server_port}\n")
    os.replace(f"{port_file}.part", port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
