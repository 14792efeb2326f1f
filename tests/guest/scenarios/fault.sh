# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2317
# The host misbehaves as a fault script (--faults) says; what becomes of the driver and the guest.
#: cpus=2 deadline=80 peer=iperf3 append=panic_on_oops=1
#: --net @nic@,id=net0,queues=@CPUS@,rsc=off,backend=tap:ifname=lab0

# One result, outcome, by facts and not by what the kernel's log says:
#
#   recovers        traffic flows at the end, and the driver unloads
#   fails cleanly   no traffic, but no task hangs, interfaces can be changed, the driver unloads
#   waits in bus    a task waits for ever inside a function of the VMBus driver
#   hangs           a task waits for ever elsewhere, or something that has to end does not
#
# A crash or a guest that stops altogether cannot report itself: they are the statuses 5 and 4 of
# the run. Result at says where the task that waits is.

# shellcheck disable=SC1091
. /lab/outcome.sh

# traffic: enough packets each way for every fault of the data path to come due.
traffic() {
	ping -q -f -c 300 -s 1000 -W 1 -w 5 10.55.0.1
	timeout 4 iperf3 -c 10.55.0.1 -t 1
	timeout 4 iperf3 -c 10.55.0.1 -t 1 -R
	return 0
}

step "loading the bus" bus_up || finish_with "fails cleanly" "no bus"
sleep 0.5
step "loading the driver" load_any || note "the driver does not load: $(tail -n 1 /tmp/step.log)"
# The NIC may come later than the driver, and go again.
turns=10
nic=$(interface)
while [ -z "$nic" ] && [ "$turns" -gt 0 ]; do
	turns=$((turns - 1))
	sleep 0.3
	nic=$(interface)
done
outcome='fails cleanly'
if [ -n "$nic" ] && step "setting $nic up" setup "$nic"; then
	sleep 0.5
	step "traffic" traffic || :
	nic=$(interface)
	! step "the last pings" flows || outcome=recovers
	step "setting $nic down" ip link set "$nic" down || :
fi
step "reading interfaces" ip link show || finish_with hangs "ip link"
step "unloading the driver" unload_any || finish_with hangs "unload: $(tail -n 1 /tmp/step.log)"
finish_with "$outcome" "${nic:-no interface}"
