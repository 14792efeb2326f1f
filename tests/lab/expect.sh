# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# What the shell tests of hvlab share: the program under test, a directory of their own, counts.
# Sourced with $here (the folder) and $1 (the program, optional) set; leaves the shell in $dir.

hvlab=$(realpath "${1:-$here/hvlab}")
dir=$(mktemp -d "${TMPDIR:-/tmp}/hvlab-test.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
cd "$dir" || exit
passed=0 failed=0 skipped=0

# fail WHAT: and what the program said, from err.
fail() {
	failed=$((failed + 1))
	printf 'FAIL %s\n' "$*"
	sed 's/^/     /' err
}

skip() {
	skipped=$((skipped + 1))
	printf 'SKIP %s\n' "$*"
}

# finish: the counts; ends the test.
finish() {
	printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ]
	exit
}
