# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153,SC2034
# What sending a single packet costs above the bare VF, one driver after the other; no doorbells, no exits.
#: cpus=1 deadline=240 guest=modules
#: DRIVERS=hv_netvsc,hv_netvsc_accel PACKETS=20000 SIZES=64,1500 PROFILE=
#: --net netvsc,id=net0,queues=@CPUS@,backend=sink
#: --vf virtio,id=vf0,nic=net0,serial=23,delay=100

# Phases nic-* and bare-*; the difference is the driver's surcharge. The VF's driver is vf_locked, which
# counts what it is given and drops it: on the bare VF of bench-vf a single packet has one to two exits,
# and as many as it happens to have hide what a driver adds.

# shellcheck source=/dev/null
. /lab/measure.sh
# shellcheck disable=SC1091
. /lab/vf.sh

# singles PREFIX: one by one through $sink's qdisc.
singles() {
	for size in $(echo "$SIZES" | tr ',' ' '); do
		transmit "$size" 1 "$1-"
	done
}

run modprobe pktgen
sink_object=net0
tx_mode=queue_xmit
tx_unseen=yes
for DRIVER in $(echo "$DRIVERS" | tr ',' ' '); do
	export DRIVER
	driver_load
	quiet_up "$nics"
	stand_in 23
	# as many queues as the NIC has: on more, choosing one costs more than what is looked for
	insert queues=1
	sent=$(cat "/sys/class/net/$vf/statistics/tx_packets")
	warming=yes
	sink=$nics
	transmit 64 1
	sink=$vf
	transmit 64 1
	warming=
	at_least "packets that the VF was given" $((sent + 2 * PACKETS)) \
		"$(cat "/sys/class/net/$vf/statistics/tx_packets")"
	settle
	phase_begin idle
	phase_end idle base
	sink=$nics
	singles nic
	sink=$vf
	singles bare
	run rmmod vf_locked
	vf_gone "$nics"
	driver_unload
done
