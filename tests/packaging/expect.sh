# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# What the tests of packaging share: steps that are said as they are made, and a place to work in.
# Sets $work. Every step prints its own line; verdict ends the test.

PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
work=$(mktemp -d "${TMPDIR:-/tmp}/packaging.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
failures=$work/failures
: >"$failures"

skip() {
	echo "$*"
	exit 77
}

# missed NAME: what the step said, and that it went wrong
missed() {
	sed 's/^/     /' "$work/step" | tail -n 40
	echo "FAIL $1"
	echo "$1" >>"$failures"
}

# ends SUCCESS|FAILURE NAME COMMAND...: the command ends like that
ends() {
	wanted=$1 step=$2 got=success
	shift 2
	"$@" >"$work/step" 2>&1 </dev/null || got=failure
	if [ "$got" = "$wanted" ]; then
		echo "ok   $step"
	else
		missed "$step"
	fi
}

# expect NAME COMMAND...: the command succeeds
expect() {
	ends success "$@"
}

# refuse NAME COMMAND...: the command fails
refuse() {
	ends failure "$@"
}

# refuse_saying NAME PATTERN COMMAND...: it fails, and says so in words that match
refuse_saying() {
	step=$1 pattern=$2
	shift 2
	if "$@" >"$work/step" 2>&1 </dev/null || ! grep -Eq -- "$pattern" "$work/step"; then
		missed "$step"
	else
		echo "ok   $step: $(grep -Em1 -- "$pattern" "$work/step")"
	fi
}

# exits NAME STATUS COMMAND...: it ends with exactly that status
exits() {
	step=$1 status=$2 got=0
	shift 2
	"$@" >"$work/step" 2>&1 </dev/null || got=$?
	if [ "$got" = "$status" ]; then
		echo "ok   $step: $(tail -n 1 "$work/step")"
	else
		echo "wanted status $status, got $got" >>"$work/step"
		missed "$step"
	fi
}

verdict() {
	[ ! -s "$failures" ] || {
		echo "$(wc -l <"$failures") failed"
		exit 1
	}
	exit 0
}
