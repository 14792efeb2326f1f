# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Frames that a program sends back, long ones that the host's limit of ranges does not let pass among
# shorter ones that go: those that were lost are freed, and nothing else is.
#: cpus=1 deadline=120 append=ipv6.disable=0
#: PINGS=600
#: --net netvsc,id=net0,queues=1,mtu=9000,backend=pair:wire
#: --net netvsc,id=net1,queues=1,mtu=9000,backend=pair:wire
#fault: at netvsp.init on net1 corrupt max_chain 2

# counter NAME: of the second NIC.
counter() {
	ethtool -S "$other" | awk -v name="$1" '$1 ~ "(^|_)" name ":$" { sum += $2 } END { print sum + 0 }'
}

[ "$DRIVER" = hv_netvsc_accel ] || skip "XDP_TX by reference is hv_netvsc_accel's"
driver_load 2
near=${nics% *} other=${nics#* }
for nic in $near $other; do
	echo 1 >"/proc/sys/net/ipv6/conf/$nic/disable_ipv6"
	run ip link set "$nic" up mtu 9000
	eventually 15 "carrier of $nic" grep -q 1 "/sys/class/net/$nic/carrier"
done
ip addr replace 10.55.0.2/24 dev "$near"
ip neigh replace 10.55.0.1 lladdr "$(cat "/sys/class/net/$other/address")" dev "$near"
# by reference all of them
run ethtool --set-tunable "$other" tx-copybreak 0
run xdp attach "$other" tx frags
# each is two fragments of 9 KB and one of 2.4
ping -q -f -c "$PINGS" -s 20400 -W 1 -w 20 10.55.0.1 || :
at_least "frames that were sent back" $((PINGS / 4)) "$(counter xdp_sent)"
at_least "frames that the host's limit lost" $((PINGS / 4)) "$(counter xdp_dropped)"
same "completions of what was not under way" 0 "$(counter tx_unknown_id)"
run xdp detach "$other"
run ip link set "$other" down
run ip link set "$other" up
