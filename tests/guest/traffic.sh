# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# Addresses and traffic between a guest's NIC and the peer behind its tap (tests/lab/level1/peers.sh
# says which addresses the peer has). Needs report.sh.

# address NIC [N]: up, with the addresses of the Nth tap's network.
address() {
	n=${2:-0}
	run ip link set "$1" up
	ip addr replace "10.55.$n.2/24" dev "$1"
	ip addr replace "fd55:$n::2/64" dev "$1" nodad
	peer4=10.55.$n.1
	peer6=fd55:$n::1
	eventually 10 "carrier of $1" grep -q 1 "/sys/class/net/$1/carrier"
	# The peer's side of the tap takes a moment longer the first time.
	eventually 20 "the peer on $1" ping -q -c 1 -W 1 "$peer4"
}

# echo_test [PING OPTION...]: both families; every packet comes back.
echo_test() {
	run ping -q -c 5 -i 0.01 -W 2 "$@" "$peer4"
	run ping -q -c 5 -i 0.01 -W 2 "$@" "$peer6"
}

# peer_csum_errors: bad checksums that the peer's stack has counted so far.
peer_csum_errors() {
	busybox nc -w 5 "$peer4" 7001 </dev/null >/tmp/counters || fail "no counters from the peer"
	grep -q '^Tcp:' /tmp/counters || fail "no counters from the peer"
	csum_total </tmp/counters
}

# own_csum_errors: the same of this side.
own_csum_errors() {
	cat /proc/net/snmp /proc/net/snmp6 | csum_total
}

# csum_total: sums the InCsumErrors fields of snmp and snmp6 text on standard input.
csum_total() {
	awk '
	/^[A-Za-z]+: [A-Z]/ { delete column; for (i = 2; i <= NF; i++) column[i] = $i; next }
	/^[A-Za-z]+: / { for (i = 2; i <= NF; i++) if (column[i] == "InCsumErrors") sum += $i; next }
	$1 ~ /InCsumErrors/ { sum += $2 }
	END { print sum + 0 }'
}

# stream NAME [IPERF3 OPTION...]: one iperf3 run, recorded as result NAME in Mbit/s; fails when it
# fails or nothing arrived. Port 5201 unless given. Takes longer in the debug kernel, where a busy
# machine may need a second for the first packet.
stream() {
	stream_name=$1
	shift
	stream_seconds=${STREAM_SECONDS:-2}
	[ "$KERNEL" != debug ] || stream_seconds=$((stream_seconds * 4))
	note "+ iperf3 $*"
	iperf3 -J -t "$stream_seconds" "$@" >/tmp/iperf.json 2>&1 </dev/null || {
		tail -n 5 /tmp/iperf.json
		fail "iperf3 $*: $(grep -m1 error /tmp/iperf.json)"
	}
	rate=$(awk -F: '
		/"sum_received"/ { wanted = "received" }
		/"sum"/ && ended { wanted = "sum" }
		/"end"/ { ended = 1 }
		wanted && /"bits_per_second"/ { gsub(/[ \t,]/, "", $2); rate = $2 }
		wanted && /"lost_percent"/ { gsub(/[ \t,]/, "", $2); lost = $2 }
		END { printf "%.3f %s", rate / 1e6, lost }' /tmp/iperf.json)
	result "${stream_name}_mbit" "${rate%% *}"
	[ -z "${rate#* }" ] || result "${stream_name}_lost_percent" "${rate#* }"
	[ "${rate%% *}" != 0.000 ] || fail "$stream_name: nothing arrived"
}

# offload NIC FEATURE on|off: fails when the NIC does not do it.
offload() {
	run ethtool -K "$1" "$2" "$3"
}
