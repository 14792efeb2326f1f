# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Two NICs joined back to back: VLAN, jumbo frames, MAC change, checksums, promiscuous mode.
#: cpus=2 deadline=110 append=ipv6.disable=0
#: STREAM_SECONDS=1
#: --net @nic@,id=net0,queues=@CPUS@,backend=pair:wire
#: --net @nic@,id=net1,queues=@CPUS@,backend=pair:wire

# far COMMAND...: on the second NIC's side, a network namespace of its own.
far() {
	ip netns exec far "$@"
}

# join: the first NIC here, the second in the namespace, both up.
join() {
	near=${nics%% *}
	other=${nics##* }
	ip netns add far
	run ip link set "$other" netns far
	run ip link set "$near" up
	run far ip link set lo up
	run far ip link set "$other" up
	ip addr replace 10.55.0.2/24 dev "$near"
	far ip addr replace 10.55.0.1/24 dev "$other"
	ip addr replace fd55:0::2/64 dev "$near" nodad
	far ip addr replace fd55:0::1/64 dev "$other" nodad
	peer4=10.55.0.1
	peer6=fd55:0::1
	eventually 15 "the other NIC" ping -q -c 1 -W 1 "$peer4"
}

driver_load 2
join
echo_test
echo_test -s 20000
far iperf3 -s -D -I /tmp/iperf3.pid >/dev/null
stream tcp4 -c "$peer4"
stream tcp6 -c "$peer6" -R
stream udp4 -c "$peer4" -u -b 20M -l 1400
same "bad checksums" 0 "$(own_csum_errors)"
same "bad checksums there" 0 "$(far sh -c '. /lab/report.sh; . /lab/traffic.sh; own_csum_errors')"

note "VLAN 5, priority 3"
run modprobe 8021q
run ip link add link "$near" name near5 type vlan id 5 egress 0:3
run far ip link add link "$other" name far5 type vlan id 5
ip addr add 10.56.0.2/24 dev near5
far ip addr add 10.56.0.1/24 dev far5
run ip link set near5 up
run far ip link set far5 up
eventually 10 "the other end of the VLAN" ping -q -c 1 -W 1 10.56.0.1
run ping -q -c 5 -i 0.01 -s 5000 -W 2 10.56.0.1
stream vlan -c 10.56.0.1
run ip link del near5
run far ip link del far5

note "jumbo frames"
run ip link set "$near" mtu 9000
run far ip link set "$other" mtu 9000
eventually 15 "the other NIC" ping -q -c 1 -W 1 "$peer4"
run ping -q -c 3 -i 0.01 -W 2 -M 'do' -s 8972 "$peer4"
stream jumbo -c "$peer4"

note "another address"
run ip link set "$near" down
run ip link set "$near" address 02:00:5e:00:53:01
run ip link set "$near" up
ip addr replace 10.55.0.2/24 dev "$near"
eventually 15 "the other NIC" ping -q -c 1 -W 1 "$peer4"
far ip neigh show | grep -q 02:00:5e:00:53:01 || fail "the peer does not see the new address"
