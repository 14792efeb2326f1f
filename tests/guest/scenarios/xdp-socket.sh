# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# AF_XDP sockets: receive, send, forward, in copy and zero-copy mode, beside other traffic.
#: cpus=1 deadline=240
#: PACKETS=3000
#: --net @nic@,id=net0,queues=@CPUS@,backend=sink
#: --net @nic@,id=net1,queues=@CPUS@,backend=source:start=off
#: --net @nic@,id=net2,queues=@CPUS@,backend=tap:ifname=lab0

# started COMMAND...: xdp in the background, ready.
started() {
	note "+ $*"
	in_background /tmp/socket.log "$@"
}

# ended MODE: waits for it and looks at what it says.
ended() {
	wait "$background" || fail "xdp ended with $?: $(tr '\n' ' ' </tmp/socket.log)"
	[ -z "$1" ] || same "mode" "$1" "$(sed -n 's/^mode=//p' /tmp/socket.log)"
	same "invalid descriptors" 0 "$(sed -n 's/^invalid=//p' /tmp/socket.log)"
}

# at_host OBJECT: packets that its backend got from the guest.
at_host() {
	tell "do $1 sink counters" || fail "counters of $1: $answer"
	echo "$answer" | tr ' ' '\n' | awk -F= '$1 == "tx_packets" { n = $2 } END { print n + 0 }'
}

# arrived COUNT: at the sink, since the guest booted.
arrived() {
	[ "$(at_host net0)" -ge "$1" ]
}

[ "$DRIVER" = hv_netvsc_accel ] || skip "AF_XDP zero copy is hv_netvsc_accel's"
# Slow enough that the socket keeps up, whose frames are dropped otherwise.
rate=10000
[ "$KERNEL" != debug ] || rate=500 PACKETS=500
driver_load 3
# shellcheck disable=SC2086 # three words
set -- $nics
sink=$1 source=$2 other=$3
for nic in $sink $source; do
	echo 1 >"/proc/sys/net/ipv6/conf/$nic/disable_ipv6"
	run ip link set "$nic" up
	eventually 15 "carrier of $nic" grep -q 1 "/sys/class/net/$nic/carrier"
done

for mode in copy zerocopy; do
	for size in 60 1500; do
		started xdp rxdrop "$source" 0 "$PACKETS" "$mode"
		host net1 source start "rate=$rate,count=$((PACKETS + 500)),size=$size"
		ended "$mode"
		host net1 source stop
	done
	started xdp rxdrop "$source" 0 "$PACKETS" "$mode" wakeup
	host net1 source start "rate=$rate,count=$((PACKETS + 500)),size=200"
	ended "$mode"
	host net1 source stop

	# half of them find no taker: their memory is used again, and never while the socket has it
	started xdp rxdrop "$source" 0 $((PACKETS / 4)) "$mode" stray keep
	host net1 source start "rate=$rate,count=$((PACKETS / 2 + 50)),size=60,flows=1"
	ended "$mode"
	host net1 source stop

	for size in 60 1500; do
		for how in '' wakeup; do
			before=$(at_host net0)
			# shellcheck disable=SC2086 # none or one word
			started xdp txonly "$sink" 0 "$PACKETS" "$size" "$mode" $how
			ended "$mode"
			# in copy mode a completion says that the packet was taken, not that it arrived
			eventually 5 "frames at the host" arrived $((before + PACKETS))
			same "frames at the host" "$PACKETS" $(($(at_host net0) - before))
		done
	done

	started xdp l2fwd "$source" 0 "$PACKETS" "$mode"
	host net1 source start "rate=$rate,count=$((PACKETS + 500)),size=300"
	ended "$mode"
	host net1 source stop
done

# The host takes no such frames, so it must not see them; they are the socket's again even so.
before=$(at_host net0)
for size in 10 4000; do
	started xdp txonly "$sink" 0 100 "$size" zerocopy
	ended zerocopy
done
same "frames of impossible length at the host" "$before" "$(at_host net0)"

# Chunks are shorter than what the interface may receive.
run ip link set "$sink" mtu 9000
refuse xdp txonly "$sink" 0 1 60 zerocopy
run ip link set "$sink" mtu 1500

# A socket that sends does not keep the stack from its queue, nor from beginning a session anew.
address "$other"
started xdp txonly "$other" 0 200000 60 zerocopy
echo_test
run ethtool -G "$other" rx 2048
eventually 20 "the peer" ping -q -c 1 -W 1 "$peer4"
wait "$background" || fail "xdp ended with $?: $(tr '\n' ' ' </tmp/socket.log)"
echo_test -s 1400
