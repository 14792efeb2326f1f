# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# What the lab's backends do, seen from a guest: echo answers, source reaches sink whole, a pair joins.
#: cpus=1 deadline=120
#: STREAM_SECONDS=1 PACKETS=4000
#: --net @nic@,id=net0,queues=@CPUS@,backend=sink:check=all
#: --net @nic@,id=net1,queues=@CPUS@,backend=source
#: --net @nic@,id=net2,queues=@CPUS@,backend=echo
#: --net @nic@,id=net3,queues=@CPUS@,backend=pair:cable
#: --net @nic@,id=net4,queues=@CPUS@,backend=pair:cable
#
#	source --> eth1 [ the guest's router ] eth0 --> sink, which checks sums and sequence numbers
#	eth2 <--> echo		eth3 <-- pair --> eth4, in a network namespace of its own

source_mac=02:00:00:00:50:c0

# counter OBJECT BACKEND NAME: one of its counters.
counter() {
	tell "do $1 $2 counters" || fail "counters of $1: $answer"
	counted=0
	for word in $answer; do
		[ "${word%%=*}" != "$3" ] || counted=${word#*=}
	done
}

# Since the last reset: what the sink has seen of the source's frames.
seen_is() {
	counter net0 sink tx_seq_seen
	[ $((counted - seen_before)) -ge "$1" ]
}

# routed NAME OPTIONS: the guest forwards PACKETS frames from source to sink.
routed() {
	host net0 sink reset
	counter net0 sink tx_seq_seen
	seen_before=$counted
	host net1 source start "rate=4000,count=$PACKETS,flows=16,$2"
	# A loaded machine may lose some by the clock; those that come have to be right.
	eventually 30 "most of the frames of $1" seen_is $((PACKETS / 2))
	sleep 0.5
	counter net0 sink tx_seq_seen
	result "routed_$1" $((counted - seen_before))
	counter net0 sink tx_csum_bad
	same "bad checksums ($1)" 0 "$counted"
	# With several processors the guest itself may send a flow's frames by different queues.
	counter net0 sink tx_seq_late
	[ "$CPUS" -gt 1 ] || same "frames out of order ($1)" 0 "$counted"
	counter net0 sink tx_malformed
	same "malformed frames ($1)" 0 "$counted"
	host net1 source stop
}

driver_load 5
# shellcheck disable=SC2086
set -- $nics
if [ "$CPUS" -gt 1 ]; then
	for nic in "$@"; do
		run ethtool -L "$nic" combined "$CPUS"
	done
fi

run ip addr add 10.68.2.1/24 dev "$3"
run ip addr add fd68:2::1/64 dev "$3" nodad
run ip link set "$3" up
eventually 10 "carrier of $3" grep -q 1 "/sys/class/net/$3/carrier"
eventually 10 "an echo" ping -q -c 1 -W 1 10.68.2.9
run ping -q -c 20 -i 0.01 -W 2 10.68.2.9
run ping -q -c 5 -i 0.01 -W 2 -s 20000 10.68.2.9
run ip neigh replace fd68:2::9 lladdr 02:00:00:00:ec:40 dev "$3"
run ping -q -c 20 -i 0.01 -W 2 fd68:2::9
refuse ping -q -c 1 -W 1 224.0.0.5

run ip addr add 10.68.1.254/16 dev "$2"
run ip addr add 10.69.0.1/24 dev "$1"
run ip addr add fd00:6876::1:fe/64 dev "$2" nodad
run ip addr add fd69::1/64 dev "$1" nodad
run ip link set "$1" up
run ip link set "$2" up
run ip neigh replace 10.69.0.9 lladdr "$source_mac" dev "$1"
run ip neigh replace fd69::9 lladdr "$source_mac" dev "$1"
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
echo 0 >"/proc/sys/net/ipv4/conf/$2/rp_filter"
eventually 10 "carrier of $2" grep -q 1 "/sys/class/net/$2/carrier"
routed udp4 proto=udp,ip=4,size=200,dst=10.69.0.9
routed tcp4 proto=tcp,ip=4,size=1514,dst=10.69.0.9
routed udp6 proto=udp,ip=6,size=1000,dst=fd69::9
routed tcp6 proto=tcp,ip=6,size=1514,dst=fd69::9

run ip netns add far
run ip link set "$5" netns far
run ip -n far addr add 10.70.0.2/24 dev "$5"
run ip -n far addr add fd70::2/64 dev "$5" nodad
run ip -n far link set "$5" up
run ip addr add 10.70.0.1/24 dev "$4"
run ip addr add fd70::1/64 dev "$4" nodad
run ip link set "$4" up
eventually 20 "the other end of the cable" ping -q -c 1 -W 1 10.70.0.2
run ping -q -c 20 -i 0.01 -W 2 fd70::2
run ping -q -c 5 -i 0.01 -W 2 -s 20000 10.70.0.2
ip netns exec far iperf3 -s -D
eventually 10 "iperf3 server" sh -c 'ip netns exec far busybox netstat -ltn | grep -q :5201'
stream pair_tcp4 -c 10.70.0.2
stream pair_tcp6 -c fd70::2 -R
stream pair_udp4 -c 10.70.0.2 -u -b 20M -l 1400
