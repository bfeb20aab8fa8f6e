#!/usr/bin/env bash
# make status: every process, its port and whether it serves. Exit code 1 when something does not.
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

if [[ ! -r $STACK_DIR/stack.state || ! -x $SIMWARD ]]; then
  echo "nothing was started yet: make up"
  exit 1
fi
load_env_file "$CHECKOUT/.env"
result=0
"$STACK" status "$STACK_DIR" | sed 's/^\(.\{10\}\)/\1    /' || result=1
simward_dev status || result=1
exit "$result"
