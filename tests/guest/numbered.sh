# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# Numbered datagrams to one who sends them back, 10.68.0.1: which came, and the longest time without.
# Sourced by scenarios that have guest=bench; needs report.sh, $SIZE (bytes) and $RATE (a second).

# numbered NAME COMMAND...: numbered datagrams there and back while COMMAND runs; sets $answer.
numbered() {
	numbered_name=$1
	shift
	in_background /tmp/udpseq.log /lab/programs/udpseq 10.68.0.1 7 "$SIZE" "$RATE"
	udpseq=$background
	"$@"
	kill "$udpseq"
	wait "$udpseq" || fail "udpseq: $(tail -n 1 /tmp/udpseq.log)"
	numbers=$(tail -n 1 /tmp/udpseq.log)
	result "$numbered_name" "$numbers"
}

# number NAME: of the last numbered traffic.
number() {
	answer=$numbers
	word "$1"
}
