#!/usr/bin/env bash
# make down: stops everything, keeps the data. With --clean also removes .local; the cache of servers stays
# unless CLEAN_CACHE=1, and the secret of the API keys stays unless the database that holds them goes too.
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

EMULATED=no

stop_all() {
  mkdir -p "$RUN"
  exec 9>"$RUN/up.lock"
  flock -n 9 || { step "waiting for 'make up' to end"; flock 9; }
  step "stop simward and the emulator"
  stop_service simward
  if service_running once-emulator; then EMULATED=yes; fi
  stop_service once-emulator 5
  step "stop PostgreSQL, NATS and Redis"
  "$STACK" down "$STACK_DIR" 9>&-
}

clean() {
  local entry private=no
  if [[ -r $STACK_DIR/stack.state && $(stack_is_external DATABASE_URL) == no ]]; then private=yes; fi
  for entry in "$STACK_DIR" "$LOCAL"/test-*/stacks/* "$LOCAL"/test-*; do
    if [[ -d $entry ]]; then "$STACK" destroy "$entry" 9>&-; fi
  done
  for entry in "$LOCAL"/* "$LOCAL"/.[!.]*; do
    [[ -e $entry ]] || continue
    if [[ ${entry##*/} == cache && ${CLEAN_CACHE:-0} != 1 ]]; then continue; fi
    if [[ ${entry##*/} == secrets.env && $private == no ]]; then
      say "the database lies elsewhere, so .local/secrets.env, which makes its API keys valid, is kept"
      continue
    fi
    rm -rf "$entry"
  done
  if [[ ${CLEAN_CACHE:-0} == 1 && -n ${SIMWARD_CACHE-} ]]; then
    say "SIMWARD_CACHE lies outside of the checkout and is kept: $SIMWARD_CACHE"
  fi
  step "data removed"
}

[[ -d $LOCAL ]] || exit 0
stop_all
if [[ ${1-} == --clean ]]; then
  clean
else
  step "stopped; the data stays in .local (make clean removes it)"
  if [[ $EMULATED == yes ]]; then
    say "The emulated 1NCE forgets what was changed in it: the first sweep after the next 'make up' brings its labels and states back"
  fi
fi
