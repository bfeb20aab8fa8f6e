#!/usr/bin/env bash
# make logs: follows the logs of everything that was started.
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

shopt -s nullglob
files=()
for file in "$LOGS"/*.log "$STACK_DIR"/log/*.log; do
  if [[ $file != *.old.log ]]; then files+=("$file"); fi
done
((${#files[@]})) || die "no logs yet: make up"
exec tail -n 20 -F "${files[@]}"
