"""Whether schemathesis got a good answer (2xx) from every official operation, and saw everything the files declare for it.

usage: summary.py OPERATIONS_JSON LOG; properties.json lies beside OPERATIONS_JSON.
No property is required by most schemas, so empty objects and lists would pass every other check.
"""

import collections
import json
import pathlib
import sys

# What an operation may declare and the emulator never answer: part of the operation, part of the path, why.
RUNS_LOW = "only while a quota runs low, which top-ups of other requests end"
NULL = "null, as in every sample of FACTS"
ONE_FORM = "the place of a session is told in one of its forms"
ABSENT = (
    ("/sims", ".threshold_reached_date", RUNS_LOW),
    ("/sims", ".quota_exceeded_date", RUNS_LOW),
    ("/v2/sims/{iccid}/events", ".detail.quota", RUNS_LOW),
    ("/quota/sms", ".peak_throughput", "of data only (FACTS §8)"),
    ("/sms", ".retry_date", "nothing is tried twice"),
    ("/sms", ".gsm_map_error", "no error is emulated"),
    ("/sms/{id}", ".source_address_type", "the sender may leave it out, and seed.py does"),
    ("/sms", ".source_address_type.description", "the sender gives an id only"),
    ("/v2/sims/{iccid}", ".gtp_v1_uli", ONE_FORM),
    ("/v2/sims/{iccid}/status", ".gtp_v2_uli.", ONE_FORM),
    ("/v2/sims/{iccid}/events", ".gtp_v2_uli", ONE_FORM),
    ("/v2/sims/{iccid}/events", ".pdp_context.sac", NULL),
    ("/v2/sims/{iccid}/events", ".pdp_context.rac", NULL),
    ("/v2/sims/{iccid}/events", ".pdp_context.breakout_ip", NULL),
    ("/v2/sims/{iccid}/events", ".pdp_context.ipcan_session_id", "new on Platform 2.0, optional (FACTS §15.3)"),
    ("/v2/sims/{iccid}/events", "[].user", NULL),
    ("/v2/sims/{iccid}/events", ".detail.client", "OpenVPN is not emulated"),
    ("/v2/sims/{iccid}/events", ".detail.region", "OpenVPN and regional pools are not emulated"),
    ("/v2/sims/{iccid}/events", ".detail.vpn_id", "OpenVPN is not emulated"),
    ("/v2/sims/{iccid}/events", ".detail.data_service_failure_cause", "sessions do not fail"),
    ("/v2/sims/{iccid}/events", ".detail.update_location_failure_reason", "attaching does not fail"),
    ("GET /v1/orders", ".shipping_address", "the orders of seed.py go to no other address"),
    ("/products", ".recurring_charges[]", "the products cost once"),
    ("/support", ".solvedDate", "cases stay open"),
)


def excused(operation, path):
    return any(part in operation and name in path for part, name, _ in ABSENT)


def main():
    operations_file, log_file = sys.argv[1:]
    operations = json.loads(pathlib.Path(operations_file).read_text(encoding="utf-8"))
    declared = json.loads(pathlib.Path(operations_file).with_name("properties.json").read_text(encoding="utf-8"))
    statuses, seen = collections.defaultdict(collections.Counter), collections.defaultdict(set)
    with open(log_file, encoding="utf-8") as file:
        for line in file:
            answer = json.loads(line)
            statuses[answer["operation"]][answer["status"]] += 1
            seen[answer["operation"]].update(answer["properties"])
    total = sum(sum(counter.values()) for counter in statuses.values())
    good = {name for name, counter in statuses.items() if any(200 <= status < 300 for status in counter)}
    silent = [name for name in operations if name not in good]
    for name in silent:
        print(f"    no 2xx from {name}: {dict(statuses[name])}")
    unseen = [(name, path) for name, paths in declared.items() for path in paths if path not in seen[name]]
    missing = [(name, path) for name, path in unseen if not excused(name, path)]
    for name, path in missing:
        print(f"    never answered by {name}: {path}")
    print(f"    {total} answers of the emulator checked; {len(operations) - len(silent)} of {len(operations)} operations "
          f"answered 2xx")
    print(f"    {sum(map(len, declared.values())) - len(unseen)} declared properties answered, {len(unseen) - len(missing)} "
          f"excused, {len(missing)} missing")
    sys.exit(1 if silent or missing else 0)


if __name__ == "__main__":
    main()
