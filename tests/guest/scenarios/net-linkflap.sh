# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The host takes the link down and up again; the carrier follows and traffic resumes. Another network
# behind the link is a flap that lasts long enough to be noticed, whatever the host says meanwhile.
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

# carrier 0|1
carrier() {
	grep -q "$1" "/sys/class/net/$nic/carrier"
}

[ "$DRIVER" != virtio_net ] || exit 0
host net0 link change
eventually 5 "carrier loss (change)" carrier 0
[ "$DRIVER" = hv_netvsc_accel ] || {
	eventually 10 "carrier (change)" carrier 1
	exit 0
}
host net0 link change
sleep 0.5
carrier 0 || fail "the flap was cut short"
eventually 10 "carrier (change)" carrier 1
address "$nic"
echo_test
