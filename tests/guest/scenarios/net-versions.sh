# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Hosts of each NVSP version: the guest takes the newest that both have, and traffic flows.
#: cpus=2 deadline=150
#: --net netvsc,id=net0,queues=@CPUS@,nvsp-max=2,backend=echo
#: --net netvsc,id=net1,queues=@CPUS@,nvsp-max=4,backend=echo
#: --net netvsc,id=net2,queues=@CPUS@,nvsp-max=5,backend=echo
#: --net netvsc,id=net3,queues=@CPUS@,nvsp-max=6,backend=echo
#: --net netvsc,id=net4,queues=@CPUS@,nvsp-max=6.1,backend=echo

driver_load 5
number=0
for nic in $nics; do
	# as on the wire: 2 to 6.1
	case $number in
	0) expected=0x30002 channels=1 ;;
	1) expected=0x40000 channels=1 ;;
	2) expected=0x50000 channels=$CPUS ;;
	3) expected=0x60000 channels=$CPUS ;;
	4) expected=0x60001 channels=$CPUS ;;
	esac
	run ip addr add 10.68.2.1/24 dev "$nic"
	run ip link set "$nic" up
	eventually 10 "an echo from net$number" ping -q -c 1 -W 1 10.68.2.9
	tell "do net$number state" || fail "state of net$number: $answer"
	same "NVSP version of net$number" "$expected" "$(word nvsp)"
	# Sub-channels came with version 5.
	same "channels of net$number" "$channels" "$(word channels)"
	run ping -q -f -c 200 -w 10 10.68.2.9
	run ping -q -f -c 50 -w 10 -s 1400 10.68.2.9
	tell "do net$number counters" || fail "counters of net$number: $answer"
	at_least "packets of net$number" 250 "$(word tx_packets)"
	run ip addr del 10.68.2.1/24 dev "$nic"
	number=$((number + 1))
done
same "NICs" 5 "$number"
