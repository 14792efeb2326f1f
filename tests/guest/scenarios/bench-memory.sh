# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153,SC2034
# Memory of a NIC that is up, with a channel for each processor: what is free again without it. And of
# a channel: what is free again when all but one are closed.
#: cpus=1 deadline=240
#: DRIVERS=hv_netvsc,hv_netvsc_accel,virtio_net PACKETS=0
#: IO_DELAY=20 IO_RATE=1000000 RANGES=8 PROFILE= RING_SIZE=127
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
	[ "$(ethtool -l "$nics" | sed -n '/^Current/,$s/^Combined:[[:space:]]*//p')" = "$1" ]
}

gone() {
	! [ -e "/sys/class/net/$nics" ]
}

# Equal rings: hv_netvsc_accel's default is 512 KiB each way with the control page, the most that fits a
# block as the bus allocates it; hv_netvsc counts pages without it (128 by default: twice the block).
# shellcheck disable=SC2034 # driver.sh reads it
hv_netvsc_parameters=ring_size=$RING_SIZE

for DRIVER in $(echo "$DRIVERS" | tr ',' ' '); do
	export DRIVER
	driver_load 1
	quiet_up "$nics"
	[ "$DRIVER" != virtio_net ] || ethtool -L "$nics" combined "$CPUS" 2>/dev/null || :
	eventually 20 "$CPUS channels of $DRIVER" has_channels "$CPUS"
	device=$(readlink -f "/sys/class/net/$nics/device")
	with=$(free_kb)
	if [ "$CPUS" -gt 1 ]; then
		run ethtool -L "$nics" combined 1
		eventually 20 "one channel of $DRIVER" has_channels 1
		channels=$((($(free_kb) - with) / (CPUS - 1)))
		result "$DRIVER/memory_channel" "{\"label\":\"memory of each further channel\",\"queues\":$CPUS,\"memory_kb\":$channels}"
		run ethtool -L "$nics" combined "$CPUS"
		eventually 20 "$CPUS channels of $DRIVER" has_channels "$CPUS"
		with=$(free_kb)
	fi
	name=${device##*/}
	echo "$name" >"$device/driver/unbind"
	eventually 10 "$nics to go" gone
	without=$(free_kb)
	result "$DRIVER/memory" "{\"label\":\"memory of a NIC with $CPUS channel(s)\",\"queues\":$CPUS,\"memory_kb\":$((without - with))}"
	driver_unload
done
