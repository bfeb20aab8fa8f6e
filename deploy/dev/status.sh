#!/usr/bin/env bash
# make status: every process, its port and whether it serves. Exit code 1 when something does not.
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

# service_line NAME URL_OF_HEALTH PORT
service_line() {
  local name=$1 state=stopped
  if ! service_running "$name"; then
    printf '%-14s stopped\n' "$name"
    return 1
  fi
  state=unready
  if curl -fsS -o /dev/null --max-time 2 "$2" 2>/dev/null; then state=ready; fi
  printf '%-14s %-8s pid %-8s port %s\n' "$name" "$state" "$(service_pid "$name")" "$3"
  [[ $state == ready ]]
}

load_env_file "$CHECKOUT/.env"
result=0
if [[ -r $STACK_DIR/stack.state ]]; then
  "$STACK" status "$STACK_DIR" | sed 's/^\(.\{10\}\)/\1    /' || result=1
else
  echo "nothing was started yet: make up"
  exit 1
fi
if uses_real_1nce; then
  printf '%-14s 1NCE at %s\n' once-emulator "$ONCE_API_BASE_URL"
else
  port=$(remembered EMULATOR_PORT)
  service_line once-emulator "http://127.0.0.1:$port/_emulator/health" "$port" || result=1
fi
listen=${SIMWARD_LISTEN:-$(remembered SIMWARD_LISTEN)}
ingest=${SIMWARD_INGEST_LISTEN:-$(remembered SIMWARD_INGEST_LISTEN)}
service_line simward "$(listen_url "$listen")/health/ready" "${listen##*:}, Data Streamer ${ingest##*:}" || result=1
exit "$result"
