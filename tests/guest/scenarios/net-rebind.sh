# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The NIC changes hands between hv_netvsc and hv_netvsc_accel again and again; traffic each time, no leak.
#: cpus=2 deadline=900
#: TURNS=20 SETTLE=5 LEAK_KB=1024
#: --net @nic@,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

# free_kb: memory that is free once everything that can be dropped is, with the pages that each
# processor keeps at hand: those are a few MB that come and go.
free_kb() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	awk '$1 == "nr_free_pages" || $1 == "count:" { pages += $2 } END { print pages * 4 }' \
		/proc/zoneinfo
}

# hand_over NAME: the NIC goes to that driver, all channels open, and carries traffic.
hand_over() {
	driver_give "$device" "$1" || fail "$device does not go to $1"
	nic=$(ls "$vmbus_devices/$device/net")
	ip link set "$nic" up
	ip addr replace 10.55.0.2/24 dev "$nic"
	eventually 20 "traffic with $1, turn $turn" ping -q -c 1 -W 1 10.55.0.1
	eventually 20 "$CPUS channels of $1" has_channels
}

has_channels() {
	[ "$(ethtool -l "$nic" | sed -n '/^Current/,$s/^Combined:[[:space:]]*//p')" = "$CPUS" ]
}

bus_up
eventually 15 "a NIC" vmbus_nics_are 1
device=$(vmbus_nics)
run modprobe hv_netvsc
insert_ours hv_netvsc_accel
turn=0
while [ "$turn" -lt "$TURNS" ]; do
	[ "$turn" -ne "$SETTLE" ] || before=$(free_kb)
	hand_over hv_netvsc_accel
	hand_over hv_netvsc
	turn=$((turn + 1))
done
result turns "$turn"
lost=$((before - $(free_kb)))
result lost_kb "$lost"
[ "$lost" -le "$LEAK_KB" ] || fail "$lost kB gone in $((TURNS - SETTLE)) turns"
if [ -e /sys/kernel/debug/kmemleak ]; then
	# twice: the first scan finds objects too young to be called leaked
	echo scan >/sys/kernel/debug/kmemleak
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
	same "leaks that kmemleak found" "" "$(head -n 20 /sys/kernel/debug/kmemleak)"
fi
# busybox's dmesg has no levels; -r shows them
errors=$(dmesg -r | grep '^<[0-3]>' | grep -v 'No config space access' || :)
[ -z "$errors" ] || fail "the kernel complains: $(echo "$errors" | tail -n 3)"
