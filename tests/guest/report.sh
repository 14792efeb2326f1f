# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What a guest tells the lab, over its second serial port: one line there, one line back
# (tests/lab/control.h). Sourced by /init, and for every scenario
# with driver.sh and traffic.sh.

report_port=/dev/ttyS1

report_open() {
	[ -c "$report_port" ] || return 1
	stty -F "$report_port" 115200 raw -echo
	exec 3<>"$report_port"
}

# tell LINE...: sends the line, puts the lab's text into $answer; fails when the lab answers err.
tell() {
	printf '%s\n' "$*" >&3
	IFS= read -r answer <&3 || return 1
	case $answer in
	ok*) answer=${answer#ok} && answer=${answer# } ;;
	*) answer=${answer#err } && return 1 ;;
	esac
}

# word_is NAME VALUE: in the lab's last answer.
word_is() {
	case " $answer " in
	*" $1=$2 "*) ;;
	*) return 1 ;;
	esac
}

# word NAME: its value in the lab's last answer.
word() {
	for pair in $answer; do
		[ "${pair%%=*}" != "$1" ] || echo "${pair#*=}"
	done
}

# result NAME VALUE...: into the results of the run.
result() {
	tell "result $*"
}

# snap NAME: all of the lab's statistics as they are now, into the results.
snap() {
	tell "snap $*"
}

# host OBJECT VERB [ARGUMENT...]: asks a part of the lab to act; fails the scenario when it refuses.
host() {
	note "+ host $*"
	tell "do $*" || fail "host $*: $answer"
}

# note TEXT: a line in the lab's log.
note() {
	tell "log $*"
}

# finish STATUS: ends the run with this verdict; has no answer.
finish() {
	printf 'exit %s\n' "$1" >&3
}

# fail TEXT: ends the scenario as failed, and says why.
fail() {
	note "FAILED: $*"
	exit 1
}

# skip TEXT: ends the scenario as not applicable here, and says why.
skip() {
	result skipped "$*"
	note "SKIPPED: $*"
	exit 77
}

# run COMMAND...: a step: prints it and fails the scenario when it fails; its output goes to the
# console when it does.
run() {
	note "+ $*"
	"$@" >/tmp/step.log 2>&1 || {
		run_status=$?
		cat /tmp/step.log
		fail "$* (status $run_status): $(tail -n 1 /tmp/step.log)"
	}
}

# refuse COMMAND...: a step that has to fail.
refuse() {
	note "+ $* (has to fail)"
	! "$@" >/tmp/step.log 2>&1 || fail "$* did not fail"
}

# same WHAT WANTED GOT
same() {
	[ "$2" = "$3" ] || fail "$1: wanted $2, got $3"
}

# at_least WHAT MINIMUM GOT: whole numbers.
at_least() {
	[ "$3" -ge "$2" ] || fail "$1: wanted at least $2, got $3"
}

# eventually SECONDS WHAT COMMAND...: tries the command five times a second until it succeeds.
eventually() {
	eventually_turns=$(($1 * 5))
	eventually_what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		eventually_turns=$((eventually_turns - 1))
		[ "$eventually_turns" -gt 0 ] || fail "$eventually_what: did not happen"
		sleep 0.2
	done
}

# in_background LOG COMMAND...: starts it and waits until it has said "ready" in the file LOG; sets
# $background, its pid.
in_background() {
	background_log=$1
	shift
	# Who wrote there before said so too, and the shell below may come late to empty it.
	: >"$background_log"
	"$@" >>"$background_log" 2>&1 &
	# shellcheck disable=SC2034 # for the scenario
	background=$!
	background_turns=50
	until grep -q ready "$background_log"; do
		background_turns=$((background_turns - 1))
		[ "$background_turns" -gt 0 ] ||
			fail "'$*' is not ready: $(tr '\n' ' ' <"$background_log")"
		sleep 0.2
	done
}
