# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# A sender that is faster than the host, for scenarios about send sections. Sourced by these; needs
# measure.sh, "guest=modules" and $PACKETS.

has_seen() {
	[ "$(seen "$1" "$2")" -ge "$3" ]
}

# sections NIC COUNT: send sections of all queues together; no byte limit stops any.
sections() {
	# ethtool refuses to change nothing
	[ "$(ethtool -g "$1" | awk '$1 == "TX:" { now = $2 } END { print now }')" = "$2" ] ||
		run ethtool -G "$1" tx "$2"
	eventually 15 "carrier of $1" grep -q 1 "/sys/class/net/$1/carrier"
	for limit in "/sys/class/net/$1/queues/"tx-*/byte_queue_limits/limit_min; do
		echo 10000000 >"$limit"
	done
}

# flood NIC OBJECT [QUEUE [COMMAND]]: all packets get to the host; the command is run just before.
flood() {
	before=$(seen "$2" tx_packets)
	insert_ours tx_batch "nic=$1" "queue=${3:-0}" size=60 burst=16 "count=$PACKETS"
	${4:-:}
	echo 1 >/sys/module/tx_batch/parameters/run || fail "tx_batch does not run"
	at_least "packets that tx_batch sent" "$PACKETS" "$(cat /sys/module/tx_batch/parameters/sent)"
	eventually 2 "all packets at the host" has_seen "$2" tx_packets $((before + PACKETS))
	run rmmod tx_batch
}

# was NIC [QUEUE]: what the next lines count from.
was() {
	counted=tx_queue_${2:-0}
	before_direct=$(value "$1" "${counted}_direct")
	before_none=$(value "$1" "${counted}_no_section")
	before_stop=$(value "$1" "${counted}_stop")
	before_borrowed=$(value "$1" "${counted}_borrowed")
}

direct() {
	echo $(($(value "$1" "${counted}_direct") - before_direct))
}

no_section() {
	echo $(($(value "$1" "${counted}_no_section") - before_none))
}

stops() {
	echo $(($(value "$1" "${counted}_stop") - before_stop))
}

borrowed() {
	echo $(($(value "$1" "${counted}_borrowed") - before_borrowed))
}
