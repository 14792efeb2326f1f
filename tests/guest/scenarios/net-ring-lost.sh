# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The host breaks the ring while nothing but a control request is written to it: the request is lost, a
# new session comes by itself, and the NIC can be set down and up again.
#: cpus=1 deadline=120
#: --net @nic@,id=net0,queues=1,backend=echo
#fault: at ring.read_index on net0 nth 60 corrupt index 0xfffffff8

statistic() {
	ethtool -S "$nics" | sed -n "s/^ *$1: //p"
}

fired() {
	tell "do faults fired" && [ "${answer% *}" -ge 1 ]
}

grown() {
	[ "$(statistic "$1")" -gt "$2" ]
}

[ "$DRIVER" = hv_netvsc_accel ] || skip "resets of hv_netvsc_accel"
driver_load
echo 1 >"/proc/sys/net/ipv6/conf/$nics/disable_ipv6"
run ip link set "$nics" up
eventually 15 "carrier of $nics" grep -q 1 "/sys/class/net/$nics/carrier"
before=$(statistic resets)
# a request for each change of the filter, and nobody else who writes
turn=0
while ! fired; do
	turn=$((turn + 1))
	[ "$turn" -lt 100 ] || fail "the read index was never published"
	ip link set "$nics" promisc on
	sleep 0.02
	ip link set "$nics" promisc off
	sleep 0.02
done
ip link set "$nics" promisc on
eventually 10 "a new session" grown resets "$before"
run ip link set "$nics" down
run ip link set "$nics" up
ip addr replace 10.68.0.2/16 dev "$nics"
eventually 20 "an echo" ping -q -c 1 -W 1 10.68.0.1
