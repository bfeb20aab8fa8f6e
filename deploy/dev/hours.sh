#!/usr/bin/env bash
# make test-hours: the tests at the moments at which days, months and Berlin's clocks change, one run after the other.
# Arguments go to cargo test. What each run said stays in .local/hours.
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

# The last Sunday of month $1 that is not over.
last_sunday() {
  local year day
  for year in $(date -u +%Y) $(date -u -d '+1 year' +%Y); do
    day=$(date -u -d "$year-$1-31" +%F)
    day=$(date -u -d "$day -$(date -u -d "$day" +%w) days" +%F)
    if [[ ! $day < $(date -u +%F) ]]; then break; fi
  done
  printf '%s\n' "$day"
}

leap_day() {
  local year
  year=$(date -u +%Y)
  until date -u -d "$year-02-29" >/dev/null 2>&1 && [[ ! $year-02-29 < $(date -u +%F) ]]; do year=$((year + 1)); done
  printf '%s-02-29\n' "$year"
}

# Each a little before what happens, so that it happens while the tests run.
moments() {
  local today
  today=$(date -u +%F)
  printf '%s UTC\n' "$today 00:01" "$today 14:38" "$today 23:58" \
    "${today%%-*}-12-31 23:58" "$(leap_day) 00:01" "$(leap_day) 23:58"
  printf '%s Europe/Berlin\n' "$(last_sunday 03) 00:58" "$(last_sunday 10) 00:58"
}

# "passed failed" of all the test programs whose output is file $1.
results() { awk '/^test result:/ { passed += $4; failed += $6 } END { printf "%d passed, %d failed\n", passed, failed }' "$1"; }

mkdir -p "$LOCAL/hours"
summary='' code=0
while read -r day time zone <&3; do
  log="$LOCAL/hours/$day-${time/:/}.log"
  step "$day $time UTC, zone $zone"
  verdict=ok
  TZ=$zone "$HERE/test.sh" --at "$day $time" --no-fail-fast "$@" 2>&1 | tee "$log" || { verdict=FAILED code=1; }
  summary+="$day $time UTC ($zone): $(results "$log"), $verdict"$'\n'
done 3< <(moments)
printf '%s' "$summary"
exit "$code"
