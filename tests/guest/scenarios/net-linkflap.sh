# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The host takes the link down and up again; the carrier follows and traffic resumes.
#: cpus=1 deadline=150
#: --net @nic@,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

driver_load
nic=$nics
address "$nic"
for turn in 1 2 3; do
	host net0 link down
	eventually 20 "carrier loss ($turn)" grep -q 0 "/sys/class/net/$nic/carrier"
	host net0 link up
	eventually 20 "carrier ($turn)" grep -q 1 "/sys/class/net/$nic/carrier"
	address "$nic"
	echo_test
done
