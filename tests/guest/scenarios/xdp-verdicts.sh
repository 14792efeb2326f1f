# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# XDP programs on a NIC that the host floods: each verdict does what it says, and the link stays.
#: cpus=2 deadline=240
#: PACKETS=2000 SIZE=200
#: --net @nic@,id=net0,queues=@CPUS@,backend=sink
#: --net @nic@,id=net1,queues=@CPUS@,backend=source:start=off

# counter NIC NAME: sum over the queues, 0 where the driver has no such counter.
counter() {
	ethtool -S "$1" | awk -v name="$2" '$1 ~ "(^|_)" name ":$" { sum += $2 } END { print sum + 0 }'
}

# flood: PACKETS frames into the second NIC, and time for the guest to see them all.
flood() {
	host net1 source start "rate=max,count=$PACKETS,size=$SIZE"
	flood_turns=50
	while :; do
		tell "do net1 source status" || fail "source: $answer"
		case $answer in
		stopped*) break ;;
		esac
		flood_turns=$((flood_turns - 1))
		[ "$flood_turns" -gt 0 ] || fail "the source did not end"
		sleep 0.1
	done
	# all are in the ring then; a slow guest takes its time
	flood_last=-1
	while [ "$flood_last" != "$(counter "$source" packets)" ]; do
		flood_last=$(counter "$source" packets)
		sleep 0.4
	done
}

# forwarded NAME NIC: floods; every frame goes out of the NIC or is counted for want of room, which
# a host that is busy sending makes scarce.
forwarded() {
	forwarded_sent=$(counter "$2" xdp_sent) forwarded_dropped=$(counter "$2" xdp_dropped)
	flood
	forwarded_sent=$(($(counter "$2" xdp_sent) - forwarded_sent))
	forwarded_dropped=$(($(counter "$2" xdp_dropped) - forwarded_dropped))
	same "$1" "$PACKETS" $((forwarded_sent + forwarded_dropped))
	at_least "$1, sent" $((PACKETS / 10)) "$forwarded_sent"
}

# counted NAME NIC COUNTER COMMAND...: the command moves the counter by PACKETS.
counted() {
	counted_name=$1 counted_nic=$2 counted_counter=$3
	shift 3
	counted_before=$(counter "$counted_nic" "$counted_counter")
	"$@"
	same "$counted_name ($counted_counter)" "$PACKETS" \
		$(($(counter "$counted_nic" "$counted_counter") - counted_before))
}

received() {
	cat "/sys/class/net/$1/statistics/rx_packets"
}

[ "$DRIVER" = hv_netvsc_accel ] || skip "the counters are those of hv_netvsc_accel"
driver_load 2
sink=${nics% *}
source=${nics#* }
for nic in $sink $source; do
	echo 1 >"/proc/sys/net/ipv6/conf/$nic/disable_ipv6"
	run ip link set "$nic" up
	eventually 15 "carrier of $nic" grep -q 1 "/sys/class/net/$nic/carrier"
done
changes=$(cat "/sys/class/net/$source/carrier_changes")
offload "$source" lro on

run xdp attach "$source" drop
same "lro under a program" off "$(ethtool -k "$source" | sed -n 's/^large-receive-offload: \([a-z]*\).*/\1/p')"
counted drop "$source" xdp_drop flood
# replaced while attached
run xdp attach "$source" pass
counted pass "$source" xdp_pass flood
run xdp attach "$source" abort
counted abort "$source" xdp_aborted flood
run xdp attach "$source" bad
counted "no verdict" "$source" xdp_aborted flood
run xdp attach "$source" meta
counted metadata "$source" xdp_pass flood
run xdp attach "$source" cut=10
counted "a shorter tail" "$source" xdp_pass flood

run xdp attach "$source" tx
forwarded tx "$source"
run xdp attach "$source" pull=30
forwarded "a shorter head" "$source"
SIZE=60
run xdp attach "$source" tx
forwarded "tx, small" "$source"
SIZE=1500
forwarded "tx, large" "$source"
# too long to be copied: sent from where it lies
run ethtool --set-tunable "$source" tx-copybreak 1000
forwarded "tx, by reference" "$source"
run ethtool --set-tunable "$source" tx-copybreak 2048

run xdp attach "$source" "redirect=$sink"
counted "redirect" "$source" xdp_redirect flood
forwarded "redirect, sent" "$sink"
SIZE=60
forwarded "redirect, small" "$sink"

if [ -e /sys/kernel/btf/vmlinux ] && [ "$KERNEL" != 6.1 ]; then
	run xdp attach "$source" drop
	run xdp detach "$source"
	run xdp attach "$source" hash
	counted "receive hash" "$source" xdp_pass flood
fi

run xdp detach "$source"
same "lro without a program" on "$(ethtool -k "$source" | sed -n 's/^large-receive-offload: \([a-z]*\).*/\1/p')"
before=$(received "$source")
flood
same "received without a program" "$PACKETS" $(($(received "$source") - before))
same "changes of the carrier" "$changes" "$(cat "/sys/class/net/$source/carrier_changes")"

# A frame that needs several buffers is only for programs that say so.
run ip link set "$sink" mtu 9000
run ip link set "$source" mtu 9000
refuse xdp attach "$source" drop
grep -q 'MTU too large' /tmp/step.log || fail "no reason given: $(cat /tmp/step.log)"
refused=0
for SIZE in 3533 3534 3535 7630 9014; do
	run xdp attach "$source" drop frags
	counted "drop, $SIZE bytes" "$source" xdp_drop flood
	run xdp attach "$source" pass frags
	counted "pass, $SIZE bytes" "$source" xdp_pass flood
	run xdp attach "$source" cut=3000 frags
	counted "cut, $SIZE bytes" "$source" xdp_pass flood
	run xdp attach "$source" tx frags
	forwarded "tx, $SIZE bytes" "$source"
	run xdp attach "$source" "redirect=$sink" frags
	case $(uname -r) in
	# Before 6.3 the kernel redirects no frame of several buffers; they are dropped, and counted.
	6.1.*)
		counted "redirect refused, $SIZE bytes" "$source" xdp_errors flood
		refused=$((refused + PACKETS))
		;;
	*) forwarded "redirect, $SIZE bytes" "$sink" ;;
	esac
done
run xdp detach "$source"
run ip link set "$source" mtu 1500
run xdp attach "$source" pass
refuse ip link set "$source" mtu 9000
run ip link set "$source" mtu 3506

# The program survives what begins the session anew.
run ethtool -G "$source" rx 2048
SIZE=500
counted "after a new session" "$source" xdp_pass flood
same "errors" "$refused" "$(counter "$source" xdp_errors)"
