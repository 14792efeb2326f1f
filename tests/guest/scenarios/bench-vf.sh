# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153,SC2034
# What a packet over the VF costs through the NIC and on the bare VF, one driver after the other.
#: cpus=1 deadline=240 guest=modules guest=bench
#: DRIVERS=hv_netvsc,hv_netvsc_accel PACKETS=20000 SIZES=64,1500
#: IO_DELAY=0 IO_RATE=0 PROFILE=
#: --io-delay @IO_DELAY@
#: --io-rate @IO_RATE@
#: --net netvsc,id=net0,queues=@CPUS@,backend=sink
#: --net netvsc,id=net1,queues=@CPUS@,backend=source:start=off
#: --vf virtio,id=vf0,nic=net0,serial=21,delay=100
#: --vf virtio,id=vf1,nic=net1,serial=22,delay=100

# Phases nic-* and bare-*; the difference is the driver's surcharge. The transmit phases go through
# the stack's transmit path, qdisc included; what is received is dropped by tc at the ingress of NIC
# or VF. The host is there at once, so that every phase has the same doorbells for a packet: with a
# host that takes its time, a dearer packet means fewer for each doorbell, which hides the price.

# shellcheck source=/dev/null
. /lab/measure.sh
# shellcheck disable=SC1091
. /lab/vf.sh

vf_receives() {
	tell "do $1 state" && word_is path vf
}

# phases PREFIX: through whatever $sink and $source are.
phases() {
	for size in $(echo "$SIZES" | tr ',' ' '); do
		tx_mode=queue_xmit
		transmit "$size" 1 "$1-"
		tx_mode=
		transmit_bursts "$size" "$1-"
		receive_drop "$size" "$1-"
	done
}

run modprobe -a pktgen sch_ingress cls_matchall act_gact
source_object=net1
sink_object=net0
for DRIVER in $(echo "$DRIVERS" | tr ',' ' '); do
	export DRIVER
	driver_load 2
	nic_sink=${nics% *}
	nic_source=${nics#* }
	vf_drivers
	for nic in $nic_sink $nic_source; do
		quiet_up "$nic"
	done
	for object in net0 net1; do
		eventually 30 "the VF of $object" vf_receives "$object"
	done
	vf_sink=$(vf_of "$nic_sink")
	vf_source=$(vf_of "$nic_source")
	drop_at_door "$nic_source"
	warming=yes
	sink=$nic_sink source=$nic_source
	transmit 64 1
	receive_drop 64
	warming=
	settle
	measure_bases
	phases nic
	[ "$DRIVER" != hv_netvsc_accel ] || ethtool -S "$nic_sink" | sed -n 's/^ *\(vf_tx_[a-z]*\): /\1=/p' |
		tr '\n' ' ' >/tmp/counters
	[ ! -s /tmp/counters ] || result counters "$(cat /tmp/counters)"
	tc qdisc del dev "$nic_source" clsact
	drop_at_door "$vf_source"
	sink=$vf_sink source=$vf_source
	phases bare
	tc qdisc del dev "$vf_source" clsact
	driver_unload
done
