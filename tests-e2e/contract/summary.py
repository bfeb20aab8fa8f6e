"""Whether schemathesis got a good answer (2xx) from every official operation.

usage: summary.py OPERATIONS_JSON LOG
"""

import collections
import json
import sys


def main():
    operations_file, log_file = sys.argv[1:]
    with open(operations_file, encoding="utf-8") as file:
        operations = json.load(file)
    statuses = collections.defaultdict(collections.Counter)
    with open(log_file, encoding="utf-8") as file:
        for line in file:
            answer = json.loads(line)
            statuses[answer["operation"]][answer["status"]] += 1
    total = sum(sum(counter.values()) for counter in statuses.values())
    good = {name for name, counter in statuses.items() if any(200 <= status < 300 for status in counter)}
    missing = [name for name in operations if name not in good]
    for name in missing:
        print(f"    no 2xx from {name}: {dict(statuses[name])}")
    print(f"    {total} answers of the emulator checked; {len(operations) - len(missing)} of {len(operations)} "
          f"operations answered 2xx")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
