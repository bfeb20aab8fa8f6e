#!/usr/bin/env bash
# make down: stops everything, keeps the data. With --clean also removes .local; the cache of servers stays
# unless CLEAN_CACHE=1.
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

stop_all() {
  mkdir -p "$RUN"
  exec 9>"$RUN/up.lock"
  flock 9
  step "stop simward and the emulator"
  stop_service simward
  stop_service once-emulator 5
  step "stop PostgreSQL, NATS and Redis"
  "$STACK" down "$STACK_DIR" 9>&-
}

clean() {
  local entry
  for entry in "$STACK_DIR" "$LOCAL"/test-*; do
    if [[ -d $entry ]]; then "$STACK" destroy "$entry" 9>&-; fi
  done
  for entry in "$LOCAL"/* "$LOCAL"/.[!.]*; do
    [[ -e $entry ]] || continue
    if [[ ${entry##*/} == cache && ${CLEAN_CACHE:-0} != 1 ]]; then continue; fi
    rm -rf "$entry"
  done
  if [[ ${CLEAN_CACHE:-0} == 1 && -n ${SIMWARD_CACHE-} ]]; then
    say "SIMWARD_CACHE lies outside of the checkout and is kept: $SIMWARD_CACHE"
  fi
  step "data removed"
}

[[ -d $LOCAL ]] || exit 0
stop_all
if [[ ${1-} == --clean ]]; then clean; else step "stopped; the data stays in .local (make clean removes it)"; fi
