#!/usr/bin/env bash
# Runs an administration command of simward with the settings of the running installation: simward.sh doctor
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

load_settings
[[ -r $STACK_DIR/stack.env && -x $SIMWARD ]] || die "nothing was started yet: make up"
exec "$SIMWARD" dev exec "$@"
