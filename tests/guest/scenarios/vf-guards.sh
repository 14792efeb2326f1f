# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2034
# What a packet on its way to the VF may not pass by: qdisc, tc, captures, a stopped queue, shared packets.
#: cpus=1 deadline=120 guest=modules guest=bench
#: PACKETS=200
#: --net netvsc,id=net0,queues=@CPUS@,backend=echo
#: --vf virtio,id=vf0,nic=net0,serial=13,delay=100

# The VF's driver is vf_locked, which drops what it is given and says how it came.

# shellcheck disable=SC1091
. /lab/measure.sh
# shellcheck disable=SC1091
. /lab/vf.sh

[ "$DRIVER" = hv_netvsc_accel ] || skip "hv_netvsc passes nothing by"

sent() {
	cat "/sys/class/net/$vf/statistics/tx_packets"
}

# given COUNTER COMMAND...: by how much one of the NIC's counters grew meanwhile, into $given.
given() {
	vf_stats
	given_name=$1 given_before=$(stat "$1")
	shift
	"$@"
	vf_stats
	given=$(($(stat "$given_name") - given_before))
}

pings() {
	ping -q -c 20 -i 0.01 -W 1 10.68.0.9 >/dev/null || :
}

# again: packets of which pktgen sends each eight times, the same one.
again() {
	echo 0 >/sys/module/vf_locked/parameters/shared
	again_before=$(sent)
	pgset kpktgend_0 rem_device_all
	pgset kpktgend_0 "add_device $nics"
	for setting in "count $PACKETS" 'pkt_size 60' 'clone_skb 8' 'burst 1' 'delay 0' \
		'dst 10.68.0.9' 'dst_mac 02:00:00:00:00:09'; do
		pgset "$nics" "$setting"
	done
	echo start >/proc/net/pktgen/pgctrl
	at_least "packets of pktgen at the VF" $((again_before + PACKETS)) "$(sent)"
}

driver_load
run modprobe -a pktgen sch_tbf sch_ingress cls_matchall act_gact
run ip link set "$nics" up
ip addr replace 10.68.0.2/16 dev "$nics"
ip neigh replace 10.68.0.9 lladdr 02:00:00:00:00:09 dev "$nics"
stand_in 13
insert no_sharing=1

given vf_tx_queued pings
same "packets through an ordinary qdisc" 0 "$given"
run tc qdisc replace dev "$vf" root handle 1: tbf rate 1gbit burst 100k limit 100k
given vf_tx_queued pings
at_least "packets through tbf" 20 "$given"
tbf=$(tc -s qdisc show dev "$vf" | sed -n 's/^ Sent [0-9]* bytes \([0-9]*\) pkt.*/\1/p' | head -n 1)
at_least "packets that tbf says it sent" 20 "$tbf"
run tc qdisc del dev "$vf" root
given vf_tx_queued pings
same "packets through an ordinary qdisc again" 0 "$given"

run tc qdisc add dev "$vf" clsact
run tc filter add dev "$vf" egress matchall action drop
before=$(sent)
given vf_tx_packets pings
at_least "packets given" 20 $((given + $(stat vf_tx_dropped)))
same "packets that tc let through" "$before" "$(sent)"
run tc qdisc del dev "$vf" clsact
pings
at_least "packets sent without tc" $((before + 20)) "$(sent)"

# Somebody looks at what leaves the VF.
/lab/programs/capture "$vf" >/tmp/capture.log 2>&1 &
capture=$!
eventually 5 "a capture" grep -q ready /tmp/capture.log
given vf_tx_queued pings
kill "$capture"
wait "$capture" || fail "capture: $(tail -n 1 /tmp/capture.log)"
answer=$(tail -n 1 /tmp/capture.log)
at_least "packets that a capture on the VF saw" 20 "$(word sent)"
at_least "packets the ordinary way for a capture" 20 "$given"

# While the VF has no room its qdisc keeps what there is, and nothing is lost.
full=/sys/module/vf_locked/parameters/full
# apart: packets that the NIC says it gave to VFs, less those that this VF has.
apart() {
	vf_stats
	echo $(($(stat vf_tx_packets) - $(sent)))
}
dropped=$(stat vf_tx_dropped)
others=$(apart)
echo 1 >"$full"
before=$(sent)
# few, since the sender's socket has to pay for those that wait
given vf_tx_queued pings 5
at_least "packets through the qdisc of a VF without room" 5 "$given"
same "packets at a driver whose queues are stopped" "$before" "$(sent)"
echo 0 >"$full"
all_sent() {
	[ "$(sent)" -ge $((before + 5)) ]
}
eventually 5 "the packets that waited for room" all_sent
counted_once() {
	[ "$(apart)" -eq "$others" ]
}
eventually 5 "each packet counted once, also that which found no room" counted_once
vf_stats
same "packets dropped meanwhile" "$dropped" "$(stat vf_tx_dropped)"

# Who sets the VF down waits for what waits for room.
echo 700 >/sys/module/vf_locked/parameters/full_ms
before=$(sent)
ping -q -c 5 -i 0.01 -W 1 10.68.0.9 >/dev/null &
pings=$!
sleep 0.2
same "packets at a VF without room" "$before" "$(sent)"
run ip link set "$vf" down
at_least "packets sent before it went down" $((before + 5)) "$(sent)"
wait "$pings" || :
run ip link set "$vf" up
vf_up "$nics"

again
same "shared packets at a driver that takes none" 0 "$(cat /sys/module/vf_locked/parameters/shared)"
run rmmod vf_locked
vf_gone "$nics"
insert
again
at_least "shared packets at a driver that takes them" 1 "$(cat /sys/module/vf_locked/parameters/shared)"
run rmmod vf_locked
vf_gone "$nics"
driver_unload
