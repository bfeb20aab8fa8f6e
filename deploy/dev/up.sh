#!/usr/bin/env bash
# make up: servers, emulator and Simward on this machine, ready to try. A second run only starts what is missing.
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

# What would be refused in the end is refused before minutes of building.
check_settings() {
  if [[ -n ${ONCE_API_BASE_URL-} ]]; then
    [[ -n ${ONCE_CLIENT_ID-} && -n ${ONCE_CLIENT_SECRET-} ]] ||
      die "ONCE_API_BASE_URL is set, so ONCE_CLIENT_ID and ONCE_CLIENT_SECRET are needed too (environment or .env)"
  fi
  if [[ -x $SIMWARD ]]; then simward_dev check; fi
}

load_settings
need_build_tools
take_lock "another 'make up' or 'make down'"
check_settings
build_programs
step "PostgreSQL with TimescaleDB, NATS and Redis"
"$STACK" install 9>&-
"$STACK" up "$STACK_DIR" 9>&-
simward_dev up
