# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# hvaccel switch of a NIC that has another name, is in a network namespace, or has a network manager.
#: cpus=1 deadline=240
#: --net netvsc,id=net0,queues=@CPUS@,backend=pair:wire
#: --net netvsc,id=net1,queues=@CPUS@,backend=pair:wire

# shellcheck disable=SC1091
. /lab/switch.sh

join
note "a name of its own"
run ip link set "$near" down
run ip link set "$near" name wan
near=wan
run ip link set "$near" up
ip addr replace fd55::2/64 dev "$near" nodad
run hvaccel switch "$near" accel --confirm 0 --peer 10.55.0.1
driven_by hv_netvsc_accel
run ping -q -c 1 -W 2 10.55.0.1

note "in a network namespace"
ip netns add blue
run ip link set "$near" netns blue
run ip netns exec blue ip addr add 10.55.0.2/24 dev "$near"
run ip netns exec blue ip link set "$near" up
run ip netns exec blue hvaccel switch "$near" intree --confirm 0 --peer 10.55.0.1
driven_by hv_netvsc
run ip netns exec blue ping -q -c 1 -W 2 10.55.0.1
[ ! -e "/sys/class/net/$near" ] || fail "$near is not in its namespace"
run ip netns exec blue ip link set "$near" netns 1
run ip link set "$near" up
run ip addr add 10.55.0.2/24 dev "$near"
eventually 10 "the other NIC" ping -q -c 1 -W 1 10.55.0.1

# A stand-in for systemd-networkd: it sees a new interface and gives it the address, with a lease.
note "with a network manager"
mkdir -p /run/systemd/netif/links
index=$(cat "/sys/class/net/$near/ifindex")
echo 'ADMIN_STATE=configured' >"/run/systemd/netif/links/$index"
run ip addr del 10.55.0.2/24 dev "$near"
run ip addr add 10.55.0.2/24 dev "$near" valid_lft 900 preferred_lft 900
(
	while [ "$(cat "/sys/class/net/$near/ifindex" 2>/dev/null || echo "$index")" = "$index" ]; do
		sleep 0.1
	done
	sleep 2
	ip addr add 10.55.0.2/24 dev "$near" valid_lft 3600 preferred_lft 3600
) &
run hvaccel switch "$near" accel --confirm 0 --peer 10.55.0.1
grep -q 'systemd-networkd configures wan and will be waited for' /tmp/step.log ||
	fail "nobody spoke of it: $(cat /tmp/step.log)"
grep -q 'addresses are left to systemd-networkd' /tmp/step.log || fail "not left to it: $(cat /tmp/step.log)"
lease=$(ip -o addr show dev "$near" | sed -n 's/.*inet 10.55.0.2.*valid_lft \([0-9]*\)sec.*/\1/p')
at_least "the manager's own lease" 3000 "${lease:-0}"

note "what udev runs at boot: not under an interface that is up"
run hvaccel switch "$near" intree --confirm 0 --lose lease
refuse hvaccel attach "$near_device"
grep -q "$near is up and stays with hv_netvsc" /tmp/step.log || fail "$(cat /tmp/step.log)"
run ip link set "$near" down
run hvaccel attach "$near_device"
driven_by hv_netvsc_accel
run hvaccel attach "$near_device"
