#!/usr/bin/env bash
# make lint: format, clippy, and files that stay short enough to read.
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

readonly MAX_LINES=400

check_lengths() {
  local file lines result=0
  while IFS= read -r file; do
    lines=$(wc -l <"$file")
    if ((lines > MAX_LINES)); then
      say "$file has $lines lines, $MAX_LINES are allowed: split it"
      result=1
    fi
  done < <(find . -name '*.rs' -not -path './.*' -not -path './target/*')
  return "$result"
}

need_cargo
cargo fmt --version >/dev/null 2>&1 || die "rustfmt is missing: rustup component add rustfmt"
cargo clippy --version >/dev/null 2>&1 || die "clippy is missing: rustup component add clippy"
step "format"
cargo fmt --all --check
step "length of files"
check_lengths
if command -v shellcheck >/dev/null 2>&1; then
  step "shell scripts"
  shellcheck -x -S warning -e SC2034 deploy/dev/stack deploy/dev/*.sh deploy/dev/lib/*.sh .ci/run tests-e2e/contract/run
fi
step "clippy"
cargo clippy --workspace --all-targets -- -D warnings
step "clean"
