"""Schemathesis hooks: sense where a schema cannot ask for it, and a record of every answer.

CONTRACT_URL is the gateway, CONTRACT_LOG gets one JSON line per answer, SIMWARD_API_KEY opens the door.
Requests that are invalid on purpose are left as they are.
"""

import datetime
import itertools
import json
import os
import urllib.request

import schemathesis
from schemathesis.core.parameters import ParameterLocation

LOG = open(os.environ["CONTRACT_LOG"], "a", encoding="utf-8", buffering=1)
turn = itertools.count()


def ask(path):
    request = urllib.request.Request(
        os.environ["CONTRACT_URL"] + path, headers={"X-API-Key": os.environ["SIMWARD_API_KEY"]}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["data"]


ICCIDS = [sim["iccid"] for sim in ask("/api/v1/sims?page_size=50")]
# Jobs that answers named.
JOBS = []
DEFAULT_ORGANIZATION = "00000000-0000-0000-0000-000000000001"


def valid_at(case, location):
    return case.meta is None or not case.meta.is_negative_at(location)


TODAY = datetime.date.today()
# What a schema cannot say: relations between parameters, names that exist, cursors that an earlier answer gave.
QUERY = {
    "start_date": lambda number: (TODAY - datetime.timedelta(days=number % 20 + 7)).isoformat(),
    "end_date": lambda number: (TODAY - datetime.timedelta(days=number % 7)).isoformat(),
    "tz": lambda number: ("UTC", "Europe/Berlin", "Asia/Kathmandu")[number % 3],
    "iccid": lambda number: ICCIDS[number % len(ICCIDS)],
    "organization_id": lambda number: DEFAULT_ORGANIZATION,
    "type": lambda number: ("session", "connectivity", "19")[number % 3],
}
BODY = {
    "account": lambda number: "main",
    "ids": lambda number: [str(number)],
    "iccid": lambda number: ICCIDS[number % len(ICCIDS)],
    "sims": lambda number: [ICCIDS[number % len(ICCIDS)]],
    "start_date": QUERY["start_date"],
    "organization_id": lambda number: DEFAULT_ORGANIZATION,
    "expires_at": lambda number: f"{TODAY.year + 1}-01-01T00:00:00Z",
}


def one_selection(body, number):
    """A job has exactly one of a list, a tag and a filter, and an empty filter needs a word more."""
    given = [name for name in ("sims", "tag", "filter") if body.get(name) is not None]
    for name in given[1:]:
        del body[name]
    if given[:1] != ["filter"] or any(body["filter"].values()):
        body.pop("all", None)
    else:
        body["all"] = True
    if not given:
        body["sims"] = [ICCIDS[number % len(ICCIDS)]]


def one_question(query):
    """Page numbers end early beside a tag, a search or another order, and a tag has no other groups than days."""
    if isinstance(query.get("page"), int):
        query["page"] = min(query["page"], 100)
    if query.get("tag") and query.get("group_by") not in (None, "day"):
        del query["tag"]


def make_sense(values, known, number):
    """Gives what is there a value that exists; what is absent stays absent. No client writes an integer as 7.0."""
    for name, value in values.items():
        if isinstance(value, dict):
            make_sense(value, known, number)
        elif isinstance(value, float) and value.is_integer():
            values[name] = int(value)
        elif value is not None and name in known:
            values[name] = known[name](number)


@schemathesis.hook
def before_call(ctx, case, kwargs):
    number = next(turn)
    if valid_at(case, ParameterLocation.PATH) and "iccid" in (case.path_parameters or {}) and number % 7 != 6:
        case.path_parameters["iccid"] = ICCIDS[number % len(ICCIDS)]
    is_job = case.operation.label == "GET /api/v1/jobs/{id}"
    if is_job and JOBS and valid_at(case, ParameterLocation.PATH) and number % 7 != 6:
        case.path_parameters["id"] = JOBS[number % len(JOBS)]
    if valid_at(case, ParameterLocation.QUERY) and case.query:
        make_sense(case.query, QUERY, number)
        case.query.pop("cursor", None)
        one_question(case.query)
    if valid_at(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        make_sense(case.body, BODY, number)
        if case.operation.path in ("/api/v1/sims", "/api/v1/sims/transfer", "/api/v1/sims/extension"):
            one_selection(case.body, number)
        if case.operation.path == "/api/v1/auth/login":
            case.body.setdefault("username", case.body.pop("email", None) or "nobody")
            case.body.pop("email", None)
    if valid_at(case, ParameterLocation.BODY) and case.operation.path == "/api/v1/sims/import":
        case.body = f"iccid,label\n{ICCIDS[number % len(ICCIDS)]},imported {number}\n"


@schemathesis.hook
def after_call(ctx, case, response):
    if response.status_code == 202 and case.operation.path.startswith("/api/v1/sims"):
        JOBS.extend(job for job in [response.json()["data"].get("job_id")] if job)
    LOG.write(
        json.dumps({"operation": case.operation.label, "status": response.status_code}) + "\n"
    )
