# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153
# The price of a packet, one driver after the other in the same guest; read it with tests/cost.
#: cpus=1 deadline=300
#: DRIVERS=hv_netvsc,hv_netvsc_accel,virtio_net PACKETS=20000 IO_DELAY=20
#: --io-delay @IO_DELAY@
#: --net netvsc,id=net0,queues=@CPUS@,backend=sink
#: --net netvsc,id=net1,queues=@CPUS@,backend=source:start=off
#: --net virtio,id=net2,queues=@CPUS@,backend=sink
#: --net virtio,id=net3,queues=@CPUS@,backend=source:start=off

# Each phase stands between the snapshots DRIVER.PHASE.begin and DRIVER.PHASE.end. What the host
# sends is dropped by tc before any protocol looks at it; what the guest sends comes from pktgen.

run modprobe -a pktgen sch_ingress cls_matchall act_gact

pgset() {
	echo "$2" >"/proc/net/pktgen/$1"
	grep -q 'Result: OK' "/proc/net/pktgen/$1" || fail "pktgen $1 $2: $(tail -n 1 "/proc/net/pktgen/$1")"
}

# transmit NIC SIZE BURST: pktgen, BURST packets announced at once (xmit_more).
transmit() {
	pgset kpktgend_0 rem_device_all
	pgset kpktgend_0 "add_device $1"
	for setting in "count $PACKETS" "pkt_size $2" "burst $3" 'clone_skb 0' 'delay 0' \
		'dst 10.68.0.1' 'src_min 10.68.0.2' 'src_max 10.68.0.2' 'dst_mac 02:00:00:00:50:c0' \
		'udp_src_min 1024' 'udp_src_max 1024'; do
		pgset "$1" "$setting"
	done
	snap "$DRIVER.tx$2x$3.begin"
	echo start >/proc/net/pktgen/pgctrl
	snap "$DRIVER.tx$2x$3.end"
	at_least "packets that pktgen sent" "$PACKETS" "$(awk '/pkts-sofar/ { print $2 }' "/proc/net/pktgen/$1")"
}

received() {
	cat "/sys/class/net/$1/statistics/rx_packets"
}

# receive NIC OBJECT SIZE: as fast as the guest takes them.
receive() {
	before=$(received "$1")
	snap "$DRIVER.rx$3.begin"
	host "$2" source start "rate=max,count=$PACKETS,size=$3"
	turns=600
	while [ $(($(received "$1") - before)) -lt "$PACKETS" ]; do
		turns=$((turns - 1))
		[ "$turns" -gt 0 ] || fail "$1 received $(($(received "$1") - before)) of $PACKETS packets"
		sleep 0.05
	done
	snap "$DRIVER.rx$3.end"
}

# up NIC: no addresses, so nobody but the test speaks; drops what comes in at the door.
up() {
	echo 1 >"/proc/sys/net/ipv6/conf/$1/disable_ipv6"
	run ip link set "$1" up
	eventually 15 "carrier of $1" grep -q 1 "/sys/class/net/$1/carrier"
	run tc qdisc replace dev "$1" clsact
	run tc filter replace dev "$1" ingress protocol all matchall action drop
}

for DRIVER in $(echo "$DRIVERS" | tr ',' ' '); do
	export DRIVER
	driver_load 2
	sink=${nics% *}
	source=${nics#* }
	case $DRIVER in
	virtio_net) source_object=net3 ;;
	*) source_object=net1 ;;
	esac
	up "$sink"
	up "$source"
	# Caches, page pools and the like are warm before anything is counted.
	transmit "$sink" 60 1
	receive "$source" "$source_object" 60
	for size in 60 1500; do
		transmit "$sink" "$size" 1
		# pktgen hands out a burst as one shared skb, on which hv_netvsc, keeping a packet's
		# state inside the skb, dereferences NULL.
		[ "$DRIVER" = hv_netvsc ] || transmit "$sink" "$size" 16
		receive "$source" "$source_object" "$size"
	done
	driver_unload
done
