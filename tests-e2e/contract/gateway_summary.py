"""Whether every documented operation was asked, and answered well (2xx or 3xx) at least once.

usage: gateway_summary.py OPENAPI_URL LOG
"""

import collections
import json
import sys
import urllib.request

METHODS = ("get", "put", "post", "delete")
# What the generated requests cannot reach: operation, why. Journeys and tests of the gateway do.
SESSION = "wants a person's session, and the requests come with a key"
OVER = "the jobs of other requests are over when they are named"
EXCUSED = {
    "GET /api/v1/events/stream": "an answer without end",
    "POST /api/v1/auth/logout": SESSION,
    "POST /api/v1/auth/refresh": SESSION,
    "PUT /api/v1/auth/password": SESSION,
    "DELETE /api/v1/jobs/{id}": OVER,
    "POST /api/v1/jobs/{id}/pause": OVER,
    "POST /api/v1/jobs/{id}/resume": OVER,
}


def main():
    url, log = sys.argv[1:]
    with urllib.request.urlopen(url) as answer:
        document = json.load(answer)
    operations = [
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in METHODS if method in item
    ]
    statuses = collections.defaultdict(collections.Counter)
    with open(log, encoding="utf-8") as file:
        for line in file:
            answer = json.loads(line)
            statuses[answer["operation"]][answer["status"]] += 1
    good = {name for name, counter in statuses.items() if any(200 <= status < 400 for status in counter)}
    silent = [name for name in operations if name not in good and name not in EXCUSED]
    for name in silent:
        print(f"    no good answer from {name}: {dict(statuses[name])}")
    total = sum(sum(counter.values()) for counter in statuses.values())
    print(f"    {total} answers checked; {len(operations) - len(silent)} of {len(operations)} operations answered well")
    sys.exit(1 if silent else 0)


if __name__ == "__main__":
    main()
