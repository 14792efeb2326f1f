# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153,SC2034
# Request and response of one byte, and connections: guest time, exits and latency of each.
#: cpus=1 deadline=120 guest=bench
#: DRIVERS=hv_netvsc,hv_netvsc_accel,virtio_net PACKETS=20000
#: KINDS=tcp,udp,connect
#: IO_DELAY=20 IO_RATE=1000000 RANGES=8 PROFILE=
#: --io-delay @IO_DELAY@
#: --io-rate @IO_RATE@
#: --net netvsc,id=net0,queues=@CPUS@,ranges=@RANGES@,backend=echo
#: --net virtio,id=net2,queues=@CPUS@,backend=echo

# The peer is the lab's echo, which exchanges addresses and ports and has no stack of its own.

# shellcheck source=/dev/null
. /lab/measure.sh

queues=$CPUS
# A tenth of the packets: a transaction is two, and each waits for the host.
operations=$((PACKETS / 10))

exchange() {
	waiter "$programs/rr" "$1" 10.69.0.1 7 "$3" || fail "rr $1: $(cat /tmp/waiter.err)"
	phase_begin "$1_rr"
	begin_now
	waiter_done
	# shellcheck disable=SC2086 # fields
	phase_end "$1_rr" "$2" "nic:\"$sink_object\"" size:64 "queues:$queues" base:\"idle\" $waiter_said
	waiter_end
}

for DRIVER in $(echo "$DRIVERS" | tr ',' ' '); do
	export DRIVER
	driver_load 1
	sink=$nics
	case $DRIVER in
	virtio_net) sink_object=net2 ;;
	*) sink_object=net0 ;;
	esac
	quiet_up "$sink"
	[ -z "$PROFILE" ] || profile_modules
	run ip addr replace 10.69.0.2/24 dev "$sink"
	run ip neigh replace 10.69.0.1 lladdr 02:00:00:00:50:c0 dev "$sink"
	settle
	phase_begin idle
	phase_end idle base
	for kind in $(echo "$KINDS" | tr ',' ' '); do
		case $kind in
		tcp) exchange tcp 'TCP request/response' "$operations" ;;
		udp) exchange udp 'UDP request/response' "$operations" ;;
		connect) exchange connect 'connect, request, close' $((operations / 2)) ;;
		*) fail "no such kind: $kind" ;;
		esac
	done
	driver_unload
done
