#!/usr/bin/env bash
# Runs an administration command of simward with the settings of the running installation: simward.sh doctor
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

load_env_file "$CHECKOUT/.env"
[[ -r $STACK_DIR/stack.env && -n $(remembered BIN) ]] || die "nothing was started yet: make up"
forget_own_addresses
export_simward_env
exec "$(remembered BIN)/simward" "$@"
