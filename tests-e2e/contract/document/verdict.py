"""What Redocly and Spectral found, less what is excused. An excuse that excuses nothing any more is a fault too.

usage: verdict.py REDOCLY_JSON SPECTRAL_JSON
"""

import collections
import fnmatch
import json
import pathlib
import sys

from excused import EXCUSED

Problem = collections.namedtuple("Problem", "judge severity rule where message")
SEVERITIES = ("error", "warn", "info", "hint")


def read(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def redocly(path):
    for one in read(path)["problems"]:
        where = one["location"][0]["pointer"].removeprefix("#")
        yield Problem("redocly", one["severity"], one["ruleId"], where, one["message"])


def spectral(path):
    for one in read(path):
        parts = (str(part).replace("~", "~0").replace("/", "~1") for part in one["path"])
        yield Problem(
            "spectral", SEVERITIES[one["severity"]], one["code"], "".join(f"/{part}" for part in parts), one["message"]
        )


def excuses(excuse, problem):
    judge, rule, where, _ = excuse
    # A pointer holds brackets of no meaning to us: only `*` stands for something.
    pattern = where.replace("[", "[[]")
    return (judge, rule) == (problem.judge, problem.rule) and fnmatch.fnmatchcase(problem.where, pattern)


def main():
    problems = [*redocly(sys.argv[1]), *spectral(sys.argv[2])]
    used = collections.Counter()
    left = []
    for problem in problems:
        excuse = next((one for one in EXCUSED if excuses(one, problem)), None)
        if excuse and problem.severity != "error":
            used[excuse] += 1
        else:
            left.append(problem)
    for problem in sorted(left):
        print(f"    {problem.judge} {problem.severity} {problem.rule} {problem.where or '/'}: {problem.message}")
    for (judge, severity, rule), count in sorted(collections.Counter(one[:3] for one in left).items()):
        print(f"    {judge} {severity} {rule}: {count}")
    stale = [excuse for excuse in EXCUSED if not used[excuse]]
    for judge, rule, where, _ in stale:
        print(f"    excused.py excuses nothing any more by: {judge} {rule} {where}")
    print(f"    {len(problems)} found, {used.total()} excused, {len(left)} left")
    sys.exit(1 if left or stale else 0)


if __name__ == "__main__":
    main()
