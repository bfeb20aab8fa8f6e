#!/usr/bin/env bash
# make down: stops everything, keeps the data. With --clean also removes .local; the cache of servers stays
# unless CLEAN_CACHE=1, and the secret of the API keys stays unless the database that holds them goes too.
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

stop_all() {
  take_lock "'make up' to end"
  # What another version of these scripts has started is stopped by this one's program.
  if [[ ! -x $SIMWARD ]] && something_runs; then
    need_cargo
    build_programs
  fi
  if [[ -x $SIMWARD ]]; then simward_dev down "$@"; fi
  step "stop PostgreSQL, NATS and Redis"
  "$STACK" down "$STACK_DIR" 9>&-
}

something_runs() {
  local file exe
  for file in "$RUN"/*.pid; do
    exe=$(readlink "/proc/$(read_pid "$file")/exe" 2>/dev/null) || continue
    if [[ ${exe% (deleted)} == "$(sed -n 2p "$file")" ]]; then return 0; fi
  done
  return 1
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
stop_all "$@"
if [[ ${1-} == --clean ]]; then
  clean
else
  step "stopped; the data stays in .local (make clean removes it)"
fi
