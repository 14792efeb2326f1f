# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153,SC2034
# The host's service rate holds for every kind of NIC, each way; counted mode only.
#: cpus=1 deadline=300 guest=bench
#: PACKETS=4000 IO_RATE=5000
#: --io-delay 20
#: --io-rate @IO_RATE@
#: --net netvsc,id=net0,backend=sink
#: --net netvsc,id=net1,backend=source:start=off
#: --net virtio,id=net2,backend=sink
#: --net virtio,id=net3,backend=source:start=off

# shellcheck source=/dev/null
. /lab/measure.sh

run modprobe -a pktgen sch_ingress cls_matchall act_gact

# in_time PHASE FROM-US TO-US: the packets took as long as the rate says, less what goes at once, and
# not three times as long: the test's own time and the host's are in between.
in_time() {
	note "$DRIVER $1: $(($3 - $2)) us"
	at_least "$DRIVER $1, us" $((1000000 * (PACKETS - 128) / IO_RATE)) "$(($3 - $2))"
	[ $(($3 - $2)) -le $((PACKETS * 3000000 / IO_RATE)) ] || fail "$DRIVER $1: $(($3 - $2)) us"
}

now_us() {
	read -r up rest </proc/uptime
	echo $((${up%.*} * 1000000 + 1${up#*.} * 10000 - 1000000))
}

for DRIVER in hv_netvsc virtio_net; do
	measure_nics
	drop_at_door "$source"
	before=$(now_us)
	transmit 64 1
	in_time transmit "$before" "$(now_us)"
	before=$(now_us)
	receive_drop 64
	in_time receive "$before" "$(now_us)"
	driver_unload
done
