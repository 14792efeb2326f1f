# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153,SC2034
# TCP streams, iperf3 in the guest and behind the tap: guest time for each 1448 bytes.
#: cpus=1 deadline=400 peer=iperf3 mtu=9000
#: DRIVERS=hv_netvsc,hv_netvsc_accel,virtio_net PACKETS=20000
#: PHASES=tcp_tx-1500,tcp_rx-1500,tcp_rx_rsc-1500,tcp_rx_zc-1500,tcp_tx-9000,tcp_rx-9000
#: IO_DELAY=20 IO_RATE=1000000 RANGES=8 PROFILE=
#: --io-delay @IO_DELAY@
#: --io-rate @IO_RATE@
#: --net netvsc,id=net0,queues=@CPUS@,ranges=@RANGES@,backend=tap:ifname=lab0
#: --net virtio,id=net2,queues=@CPUS@,mtu=9000,backend=tap:ifname=lab1

# shellcheck source=/dev/null
. /lab/measure.sh

queues=$CPUS
payload=1448
# Four times as many as elsewhere: what iperf3 costs to start differs by a millisecond between runs,
# which made the ratio of 10,000 segments anything from 0.65 to 1.07.
segments=$((4 * PACKETS))
bytes=$((segments * payload))

# iperf BYTES [OPTION...]: one stream of so many bytes.
iperf() {
	iperf_bytes=$1
	shift
	iperf3 -c "$peer4" -n "$iperf_bytes" "$@" >/tmp/iperf.txt 2>&1 </dev/null ||
		fail "iperf3 $*: $(tail -n 1 /tmp/iperf.txt)"
}

# stream PHASE LABEL MTU [OPTION...]: less what a run of iperf3 for one buffer costs.
stream() {
	stream_phase=$1-$3 stream_label=$2 stream_mtu=$3
	shift 3
	run ip link set "$sink" mtu "$stream_mtu"
	eventually 20 "the peer on $sink" ping -q -c 1 -W 1 "$peer4"
	iperf "$bytes" "$@"
	phase_begin "$stream_phase-base"
	iperf 131072 "$@"
	phase_end "$stream_phase-base" base
	phase_begin "$stream_phase"
	iperf $((bytes + 131072)) "$@"
	phase_end "$stream_phase" "$stream_label, MTU $stream_mtu" "nic:\"$sink_object\"" \
		"size:$stream_mtu" "queues:$queues" "operations:$segments" "base:\"$stream_phase-base\""
}

# coalesce on|off: frames that the host has joined.
coalesce() {
	case $DRIVER in
	virtio_net) ethtool -K "$sink" rx-gro-hw "$1" ;;
	*) ethtool -K "$sink" lro "$1" ;;
	esac >/tmp/step.log 2>&1
}

# zero_copy on|off: fragments of packets are the receive buffer's own pages. Other drivers have none.
zero_copy() {
	[ "$DRIVER" != hv_netvsc_accel ] || run ethtool --set-priv-flags "$sink" rx-zero-copy "$1"
}

# measure PHASE: a row. Each leaves the settings as the next ones expect them.
measure() {
	case $1 in
	tcp_tx-*) stream tcp_tx 'TCP transmit, TSO' "${1#*-}" ;;
	tcp_rx-1500)
		if coalesce off; then
			stream tcp_rx 'TCP receive, no RSC' 1500 -R
		else
			phase_refused "$1" 'TCP receive, no RSC, MTU 1500' 'RSC cannot be turned off' 1500
		fi
		;;
	tcp_rx-9000)
		coalesce off || :
		stream tcp_rx 'TCP receive, no RSC' 9000 -R
		;;
	tcp_rx_rsc-1500 | tcp_rx_zc-1500)
		rsc_label='TCP receive, RSC'
		[ "$1" != tcp_rx_zc-1500 ] || rsc_label="$rsc_label, zero copy where there is"
		if coalesce on; then
			[ "$1" != tcp_rx_zc-1500 ] || zero_copy on
			stream "${1%-*}" "$rsc_label" 1500 -R
			[ "$1" != tcp_rx_zc-1500 ] || zero_copy off
		else
			phase_refused "$1" "$rsc_label, MTU 1500" 'RSC cannot be turned on' 1500
		fi
		;;
	*) fail "no phase $1" ;;
	esac
}

for DRIVER in $(echo "$DRIVERS" | tr ',' ' '); do
	export DRIVER
	driver_load 1
	sink=$nics
	case $DRIVER in
	virtio_net) sink_object=net2 tap=1 ;;
	*) sink_object=net0 tap=0 ;;
	esac
	address "$sink" "$tap"
	[ -z "$PROFILE" ] || profile_modules
	settle
	for phase in $(echo "$PHASES" | tr ',' ' '); do
		measure "$phase"
	done
	driver_unload
done
