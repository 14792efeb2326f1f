# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# The cache outside the tree: where it is, how a part of it is published, and how a failing step is
# reported. Sourced by the tools of tests/kernels, tests/guest and tests/lab; sets $cache.
#
# Everything below $cache can be deleted at any time and comes back. A part is made in a temporary
# directory beside its final place, under a lock, and renamed into place when it is whole, so that
# two tools may run at once and an interrupted one leaves nothing that looks finished.

if [ -z "${HVACCEL_CACHE:-}" ]; then
	HVACCEL_CACHE=${XDG_CACHE_HOME:-${HOME:?}/.cache}/hvaccel
fi
cache=$HVACCEL_CACHE
tool=${0##*/}

# Exit statuses that every tool shares.
EX_FAILED=1
EX_USAGE=2
EX_MISSING=3
EX_NETWORK=8
EX_SPACE=9

say() {
	printf '%s: %s\n' "$tool" "$*" >&2
}

# die STATUS TEXT...: one line, then the status.
die() {
	die_status=$1
	shift
	say "$@"
	exit "$die_status"
}

# need PROGRAM PACKAGE: the program, or one line that names the Debian package which has it.
need() {
	command -v "$1" >/dev/null 2>&1 || die "$EX_MISSING" "$1 not found (Debian package $2)"
}

# cache_lock NAME: waits for, then holds, the lock NAME until the shell exits or locks another one.
cache_lock() {
	mkdir -p "$cache/lock" 2>/dev/null || die "$EX_SPACE" "cannot create $cache/lock"
	exec 9>"$cache/lock/$1" || die "$EX_SPACE" "cannot write $cache/lock/$1"
	flock -n 9 || {
		say "waiting for another run ($1)"
		flock 9
	}
}

cache_unlock() {
	exec 9>&-
}

# cache_begin PATH: under the lock, an empty directory to build PATH in; its name is in $making.
# What an interrupted run left of the same part goes first.
cache_begin() {
	making=$1.making
	rm -rf "$making"
	mkdir -p "$making" || die "$EX_SPACE" "cannot create $making"
	trap 'rm -rf "$making"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# cache_publish PATH: moves what cache_begin started into its final place.
cache_publish() {
	if [ -e "$1" ]; then
		mv "$1" "$1.old.$$"
	fi
	mv "$making" "$1" || die "$EX_SPACE" "cannot publish $1"
	trap - EXIT INT TERM HUP
	rm -rf "$1.old.$$"
}

# cache_end: drops what cache_begin started, when its pieces have been moved out one by one.
cache_end() {
	rm -rf "$making"
	trap - EXIT INT TERM HUP
}

# logged WHAT COMMAND...: runs the command silently; when it fails, one line with WHAT and the cause.
logged() {
	logged_what=$1
	shift
	logged_file=$(mktemp "${TMPDIR:-/tmp}/$tool.XXXXXX") || die "$EX_SPACE" "no temporary file"
	if "$@" >"$logged_file" 2>&1 </dev/null; then
		rm -f "$logged_file"
		return 0
	fi
	logged_fail "$logged_what" "$logged_file"
}

# logged_fail WHAT LOG: ends the tool with the one line of LOG that says why WHAT failed.
logged_fail() {
	if why=$(grep -m1 -i 'No space left on device' "$2"); then
		status=$EX_SPACE
	elif why=$(grep -m1 -E 'Temporary failure|Could not (resolve|connect)|Failed to fetch|Unable to connect|[Nn]etwork is unreachable|[Cc]onnection (refused|timed out)' "$2"); then
		status=$EX_NETWORK
	else
		status=$EX_FAILED
		why=$(grep -m1 -E '^E: |error: |undefined reference|\*\*\* ' "$2") || why=$(tail -n 1 "$2")
	fi
	rm -f "$2"
	die "$status" "$1: ${why:-failed without a message}"
}

# cache_retire PATH: takes a part out of the cache, so that it is made anew.
cache_retire() {
	[ ! -e "$1" ] || {
		mv "$1" "$1.old.$$"
		rm -rf "$1.old.$$"
	}
}

# cache_sweep DIR PATTERN: removes files of $cache/DIR that no run has wanted for a day. Each tree
# may keep its own version of an image, and a run may be about to open one.
cache_sweep() {
	find "$cache/$1" -maxdepth 1 -name "$2" -mmin +1440 -exec rm -f {} +
}

# cache_has FILE: succeeds, and keeps the file from being swept, when it is there.
cache_has() {
	[ -e "$1" ] || return 1
	[ -z "$(find "$1" -mmin +60)" ] || touch -c "$1"
}
