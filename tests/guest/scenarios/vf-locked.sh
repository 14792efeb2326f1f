# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# A VF whose interface has a lock of its own comes, is set up, goes and comes back as it was.
#: cpus=2 deadline=120 guest=modules guest=bench
#: --net netvsc,id=net0,queues=@CPUS@,backend=echo
#: --vf virtio,id=vf0,nic=net0,serial=11,delay=100

# shellcheck disable=SC1091
. /lab/vf.sh

# remove_driver: and the VF with it; nothing was done to it without its lock.
remove_driver() {
	same "operations without the lock" 0 "$(cat /sys/module/vf_locked/parameters/unlocked)"
	run rmmod vf_locked
	vf_gone "$nics"
}

sent() {
	cat "/sys/class/net/$vf/statistics/tx_packets"
}

# setting OPTION FIELD: the last value of that name that ethtool prints for the VF.
setting() {
	ethtool "$1" "$vf" | awk -F: -v name="$2" '
		$1 == name { gsub(/[ \t]/, "", $2); value = $2 }
		END { print value }'
}

driver_load
run ip link set "$nics" up
ip addr replace 10.68.0.2/16 dev "$nics"
ip neigh replace 10.68.0.9 lladdr 02:00:00:00:00:09 dev "$nics"
stand_in 11
insert
before=$(sent)
ping -q -c 20 -i 0.01 -W 1 10.68.0.9 >/dev/null || :
at_least "packets given to the VF" $((before + 20)) "$(sent)"

run ip link set "$nics" mtu 1400
same "MTU of the VF" 1400 "$(cat "/sys/class/net/$vf/mtu")"
run ip link set "$nics" promisc on
ip -d link show "$vf" | grep -q 'promiscuity [1-9]' || fail "$vf is not promiscuous"
run ethtool -G "$vf" rx 512 tx 256
run ethtool -L "$vf" combined 2
run ethtool -C "$vf" rx-usecs 33
ip link set "$vf" down
eventually 10 "switch away" path_is synthetic
run ip link set "$vf" up
eventually 10 "switch back" path_is vf
remove_driver
ping -q -c 1 -W 2 10.68.0.1 >/dev/null || fail "no echo without the VF"

insert
same "MTU of the second VF" 1400 "$(cat "/sys/class/net/$vf/mtu")"
ip -d link show "$vf" | grep -q 'promiscuity [1-9]' || fail "$vf is not promiscuous"
same "its receive ring" 512 "$(setting -g RX)"
same "its transmit ring" 256 "$(setting -g TX)"
same "its queues" 2 "$(setting -l Combined)"
same "its coalescing" 33 "$(setting -c rx-usecs)"
run ip link set "$nics" promisc off
! ip -d link show "$vf" | grep -q 'promiscuity [1-9]' || fail "$vf is still promiscuous"

# Another namespace, there and back; the VF follows.
run ip netns add far
run ip link set "$nics" netns far
vf_there() {
	ip netns exec far ip -o link show master "$nics" | grep -q .
}
eventually 10 "the VF in the other namespace" vf_there
run ip netns exec far ip link set "$nics" up
eventually 20 "switch of the data path there" path_is vf
run ip netns exec far ip link set "$nics" netns 1
eventually 10 "the VF back" has_vf "$nics"
run ip link set "$nics" up
vf_up "$nics"

# A program of the NIC's is the VF's too; one that the VF does not take keeps packets from it.
if [ "$DRIVER" = hv_netvsc_accel ]; then
	in_background /tmp/xdprun.log /lab/programs/xdprun "$nics" pass 1000000
	path_is vf || fail "the VF has the program and is not used"
	kill "$background"
	wait "$background" || :
	run ip link set dev "$nics" xdp off
	remove_driver
	insert no_xdp=1
	in_background /tmp/xdprun.log /lab/programs/xdprun "$nics" pass 1000000
	eventually 10 "switch to where the program runs" path_is synthetic
	vf_stats
	same "what keeps packets from the VF" 7 "$(stat vf_obstacle)"
	kill "$background"
	wait "$background" || :
	run ip link set dev "$nics" xdp off
	eventually 10 "switch to the VF without a program" path_is vf
fi
remove_driver
[ "$DRIVER" = hv_netvsc_accel ] || exit 0
is_counted() {
	vf_stats
	[ "$(stat "$1")" = "$2" ]
}
eventually 10 "three times that the driver let go" is_counted vf_cause_driver 3

# An eject is one also when the driver takes its time to let go.
insert linger=3
host vf0 remove
vf_gone "$nics"
eventually 20 "removal of the bus" vpci_buses_are 0
sleep 2
vf_stats
same "ejects" 1 "$(stat vf_cause_eject)"
same "times that the driver let go" 3 "$(stat vf_cause_driver)"
run rmmod vf_locked
driver_unload
