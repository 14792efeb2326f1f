# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153,SC2034
# What is held back under load is bounded and goes out in the end; counted mode only.
#: cpus=1 deadline=120 guest=bench
#: PACKETS=4000 SECTIONS=64
#: --io-delay 20
#: --io-rate 1000000
#: --net netvsc,id=net0,backend=sink
#: --net netvsc,id=net1,backend=source:start=off
# The host lends few sections at a time and wants its answers soon.
#fault: at netvsp.send_recv_buf on net1 always corrupt count @SECTIONS@

# shellcheck source=/dev/null
. /lab/measure.sh

[ "$DRIVER" = hv_netvsc_accel ] || skip "the settings and counters are those of hv_netvsc_accel"
[ -n "$COUNTED" ] || skip "how dense packets are is known in counted mode only"

has_seen() {
	[ "$(seen "$1" "$2")" = "$3" ]
}

run modprobe -a pktgen sch_ingress cls_matchall act_gact
warming=yes
measure_nics

# Transmit: as many as the setting says for one doorbell, and the last ones as well.
for frames in 4 32; do
	run ethtool -C "$sink" tx-frames "$frames"
	before=$(value "$sink" tx_queue_0_messages) host_before=$(seen net0 tx_packets)
	transmit 64 1
	eventually 2 "all packets at the host" has_seen net0 tx_packets $((host_before + PACKETS))
	messages=$(($(value "$sink" tx_queue_0_messages) - before))
	result "messages_$frames" "$messages"
	[ "$frames" != 4 ] || at_least "messages when 4 packets may gather" $((PACKETS / 4)) "$messages"
	[ "$frames" != 32 ] || at_least "packets gathered at 32, times 6" $((6 * messages)) "$PACKETS"
done
at_least "times that the channel was steady" 2 "$(value "$sink" poll_0_steady)"

# Where packets are rare none is held back.
sleep 1
PACKETS=1
for turn in 1 2 3; do
	host_before=$(seen net0 tx_packets)
	transmit 64 1
	eventually 1 "packet $turn that is alone" has_seen net0 tx_packets $((host_before + 1))
done

# Receive: answers that wait for a doorbell, which nobody rings here but a timer of 10 ms, are so few
# that the host never runs out of sections.
now_cs() {
	read -r up rest </proc/uptime
	echo $((${up%.*} * 100 + 1${up#*.} - 100))
}

PACKETS=4000
drop_at_door "$source"
before=$(now_cs)
receive_drop 64
result receive_cs $(($(now_cs) - before))
at_least "hundredths of a second to spare of 25" 0 $((25 - $(now_cs) + before))
run tc qdisc del dev "$source" clsact

# Receive and send: likewise, and the load that comes back is one, not many.
run ethtool -C "$source" tx-frames 256
run ip addr replace 10.68.0.1/16 dev "$source"
run ip addr replace 10.67.0.2/24 dev "$sink"
echo 1 >/proc/sys/net/ipv4/ip_forward
for each in all "$source" "$sink"; do
	echo 0 >"/proc/sys/net/ipv4/conf/$each/rp_filter"
	echo 0 >"/proc/sys/net/ipv4/conf/$each/send_redirects"
done
run ip neigh replace 10.66.0.1 lladdr 02:00:00:00:50:c0 dev "$source"
run ip route replace 10.66.0.0/24 dev "$source"
steady=$(value "$source" poll_0_steady) host_before=$(seen net1 tx_packets)
host net1 source start "rate=max,count=$PACKETS,size=60,dst=10.66.0.1"
eventually 20 "all forwarded" has_seen net1 tx_packets $((host_before + PACKETS))
steady=$(($(value "$source" poll_0_steady) - steady))
result forward_steady "$steady"
at_least "times to spare that the load seemed to end" 0 $((5 - steady))
result forward_answers "$(value "$source" rx_queue_0_answers)"
result forward_ticks "$(value "$source" poll_0_ticks)"
