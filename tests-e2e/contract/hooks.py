"""Schemathesis hooks: real identifiers in most valid requests, and a record of every answer.

CONTRACT_SEED is the file that seed.py wrote, CONTRACT_LOG gets one JSON line per answer.
Requests that are invalid on purpose are left as they are.
"""

import itertools
import json
import os

import schemathesis
from schemathesis.core.parameters import ParameterLocation

with open(os.environ["CONTRACT_SEED"], encoding="utf-8") as file:
    SEED = json.load(file)
LOG = open(os.environ["CONTRACT_LOG"], "a", encoding="utf-8", buffering=1)
LISTS = ("iccids", "iccid_ranges", "products")
turn = itertools.count()


def valid_at(case, location):
    return case.meta is None or not case.meta.is_negative_at(location)


def real_path(case, number):
    """Six of seven valid paths name something that exists; an SMS only together with its own SIM."""
    path = case.path_parameters or {}
    if not path or not valid_at(case, ParameterLocation.PATH) or number % 7 == 6:
        return
    if "iccid" in path and "id" in path:
        sms = SEED["sms"][number % len(SEED["sms"])]
        path["iccid"], path["id"] = sms["iccid"], sms["id"]
    elif "iccid" in path:
        path["iccid"] = SEED["iccids"][number % len(SEED["iccids"])]
    elif "order_number" in path:
        path["order_number"] = SEED["orders"][number % len(SEED["orders"])]


def real_body(case, number):
    """Puts existing SIMs, products and limit steps into a valid body, keeping its shape."""
    if not valid_at(case, ParameterLocation.BODY) or number % 7 == 6:
        return
    pool = SEED["pools"].get(case.operation.path, SEED["iccids"])
    case.body = with_real_values(case.body, pool[number % len(pool)])


def with_real_values(body, iccid):
    if isinstance(body, list):
        return [iccid if isinstance(item, str) else with_real_values(item, iccid) for item in body]
    if not isinstance(body, dict):
        return body
    real = {
        "iccid": iccid,
        "from": iccid,
        "to": iccid,
        "productId": SEED["products"][0],
        "dataLimitId": 1,
        "smsMtLimitId": 1,
        "smsMoLimitId": 1,
        "target_organisation": SEED["organisation"],
    }
    return {
        name: real[name] if name in real else with_real_values(value, iccid) if name in LISTS else value
        for name, value in body.items()
    }


@schemathesis.hook
def before_call(ctx, case, kwargs):
    number = next(turn)
    real_path(case, number)
    if case.body is not None and isinstance(case.body, (dict, list)):
        real_body(case, number)


def held(value, path=""):
    """Paths of all properties that have a value, spelt as in properties.json."""
    if isinstance(value, list):
        for item in value:
            yield from held(item, f"{path}[]")
    elif isinstance(value, dict):
        for name, item in value.items():
            if item is not None:
                yield f"{path}.{name}"
                yield from held(item, f"{path}.{name}")


def properties_of(response):
    if not 200 <= response.status_code < 300 or not response.content:
        return []
    try:
        return sorted(set(held(json.loads(response.content))))
    except ValueError:
        # The check of content types judges it.
        return []


@schemathesis.hook
def after_call(ctx, case, response):
    answer = {
        "operation": case.operation.label,
        "method": case.method,
        "status": response.status_code,
        "properties": properties_of(response),
    }
    LOG.write(json.dumps(answer) + "\n")
