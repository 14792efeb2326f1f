# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153,SC2034
# Memory of a NIC that is up, with a channel for each processor: what is free again without it.
#: cpus=1 deadline=240
#: DRIVERS=hv_netvsc,hv_netvsc_accel,virtio_net PACKETS=0
#: IO_DELAY=20 IO_RATE=1000000 RANGES=8 PROFILE=
#: --net netvsc,id=net0,queues=@CPUS@,ranges=@RANGES@,backend=sink
#: --net virtio,id=net2,queues=@CPUS@,backend=sink

# shellcheck source=/dev/null
. /lab/measure.sh

# free_kb: memory that is free once everything that can be dropped is, with the pages that each
# processor keeps at hand.
free_kb() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	awk '/^ *nr_free_pages/ || ($1 == "count:") { pages += $2 } END { print pages * 4 }' \
		/proc/zoneinfo
}

has_channels() {
	[ "$(ethtool -l "$nics" | sed -n '/^Current/,$s/^Combined:[[:space:]]*//p')" = "$CPUS" ]
}

gone() {
	! [ -e "/sys/class/net/$nics" ]
}

for DRIVER in $(echo "$DRIVERS" | tr ',' ' '); do
	export DRIVER
	driver_load 1
	quiet_up "$nics"
	[ "$DRIVER" != virtio_net ] || ethtool -L "$nics" combined "$CPUS" 2>/dev/null || :
	eventually 20 "$CPUS channels of $DRIVER" has_channels
	device=$(readlink -f "/sys/class/net/$nics/device")
	with=$(free_kb)
	name=${device##*/}
	echo "$name" >"$device/driver/unbind"
	eventually 10 "$nics to go" gone
	without=$(free_kb)
	result "$DRIVER/memory" "{\"label\":\"memory of a NIC with $CPUS channel(s)\",\"queues\":$CPUS,\"memory_kb\":$((without - with))}"
	driver_unload
done
