# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The driver is removed and loaded again, with the link up and traffic before and after.
#: cpus=1 deadline=150
#: TURNS=3
#: --net @nic@,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

turn=0
while [ "$turn" -lt "$TURNS" ]; do
	driver_load
	address "$nics"
	echo_test
	driver_unload
	turn=$((turn + 1))
done
result turns "$turn"
if [ "$DRIVER" != virtio_net ] && grep -q '^hv_vmbus ' /proc/modules; then
	rmmod hv_utils 2>/dev/null || :
	run rmmod hv_vmbus
	driver_load
	address "$nics"
	echo_test
	result bus_reloaded 1
fi
