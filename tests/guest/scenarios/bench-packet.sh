# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153,SC2034
# The price of a packet, one driver after the other in the same guest; read it with tests/cost.
#: cpus=1 deadline=240 guest=bench guest=modules
#: DRIVERS=hv_netvsc,hv_netvsc_accel,virtio_net PACKETS=20000
#: PHASES=tx:64:1,tx:64:16,tx:1500:1,tx:1500:16,rx:64,rx:1500
#: IO_DELAY=20 IO_RATE=1000000 RANGES=8 PROFILE= LATENCY=0
#: --io-delay @IO_DELAY@
#: --io-rate @IO_RATE@
#: --net netvsc,id=net0,queues=@CPUS@,ranges=@RANGES@,backend=sink
#: --net netvsc,id=net1,queues=@CPUS@,ranges=@RANGES@,backend=source:start=off
#: --net virtio,id=net2,queues=@CPUS@,backend=sink
#: --net virtio,id=net3,queues=@CPUS@,backend=source:start=off

# PHASES, in this order: tx:SIZE:BURST by pktgen; batch:SIZE:BURST likewise, with a packet buffer each
# (tests/guest/modules/tx_batch.c); burst:SIZE from a socket, in lists; rx:SIZE dropped at the driver's
# door; udp:SIZE to a socket; xdp:ACTION:SIZE by a program in the driver; xsk:rxdrop:SIZE,
# xsk:l2fwd:SIZE and xsk:txonly:SIZE by a socket of AF_XDP.

# shellcheck source=/dev/null
. /lab/measure.sh

run modprobe -a pktgen sch_ingress cls_matchall act_gact
queues=$CPUS

phase() {
	case $1 in
	tx:*)
		size=${1#tx:}
		burst=${size#*:}
		size=${size%:*}
		# pktgen hands out a burst as one shared skb, on which hv_netvsc, keeping a
		# packet's state inside the skb, dereferences NULL.
		if [ "$DRIVER" = hv_netvsc ] && [ "$burst" != 1 ]; then
			phase_refused "tx-$size-$burst" "transmit $size B, bursts of $burst" \
				'takes no shared skb' "$size"
		else
			transmit "$size" "$burst"
		fi
		;;
	batch:*)
		size=${1#batch:}
		transmit_batch "${size%:*}" "${size#*:}"
		;;
	burst:*) transmit_bursts "${1#burst:}" ;;
	rx:*) receive_drop "${1#rx:}" ;;
	udp:*) receive_udp "${1#udp:}" ;;
	xdp:*)
		action=${1#xdp:}
		receive_xdp "${action%:*}" "${action#*:}"
		;;
	xsk:rxdrop:* | xsk:l2fwd:*)
		kind=${1#xsk:}
		receive_xsk "${kind%:*}" "${kind#*:}"
		;;
	xsk:txonly:*) transmit_xsk "${1##*:}" ;;
	*) fail "no such phase: $1" ;;
	esac
}

for DRIVER in $(echo "$DRIVERS" | tr ',' ' '); do
	export DRIVER
	if [ "$LATENCY" = 1 ]; then
		# histograms of the channels, whose price this tells
		insert_ours hv_vmbus_accel
		echo 1 >/sys/kernel/debug/hv_vmbus_accel/latency/enable
	fi
	measure_nics
	drop_at_door "$sink"
	drop_at_door "$source"
	warming=yes
	# Caches, page pools and the like, both ways whatever comes: the same state for every bench.
	measured=$PACKETS
	[ "$PACKETS" -le 20000 ] || PACKETS=20000
	transmit 64 1
	receive_drop 64
	PACKETS=$measured
	warming=
	settle
	measure_bases
	for each in $(echo "$PHASES" | tr ',' ' '); do
		phase "$each"
	done
	driver_unload
done
