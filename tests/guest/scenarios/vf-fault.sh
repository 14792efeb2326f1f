# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2317
# The host misbehaves about a VF as a fault script (--faults) says; what becomes of driver and guest.
#: cpus=2 deadline=200 peer=iperf3 append=panic_on_oops=1 guest=modules
#: --net netvsc,id=net0,queues=@CPUS@,rsc=off,backend=tap:ifname=lab0
#: --vf virtio,id=vf0,nic=net0,serial=5,delay=100,eject-timeout=5

# One result, outcome, as in the scenario fault; here
#
#   recovers        at the end the NIC has its VF, traffic takes it, and the driver unloads
#   fails cleanly   no VF, but traffic flows by the synthetic path, and the driver unloads
#   waits in bus    a task waits for ever inside a function of VMBus's driver or of pci-hyperv
#   hangs           a task waits for ever elsewhere, something that has to end does not, or no
#                   traffic flows although the NIC is there

# shellcheck disable=SC1091
. /lab/outcome.sh
# shellcheck disable=SC1091
. /lab/vf.sh

# within SECONDS COMMAND...: as eventually, but the scenario goes on either way.
within() {
	within_turns=$(($1 * 5))
	shift
	until "$@" >/dev/null 2>&1; do
		within_turns=$((within_turns - 1))
		[ "$within_turns" -gt 0 ] || return 1
		sleep 0.2
	done
}

# config_reads: accesses to the VF's configuration space so far, as the lab has counted them.
config_reads() {
	! tell "do vf0 state" || word config_reads
}

# While pci-hyperv waits for an interrupt to be composed it reads the vendor id again and again, with
# interrupts off.
busy_at() {
	reads=$(config_reads)
	sleep 1
	[ "$(config_reads)" -le $((reads + 10)) ] || echo hv_pci_polls
}

traffic() {
	ping -q -f -c 200 -s 1000 -W 1 -w 5 10.55.0.1
	timeout 4 iperf3 -c 10.55.0.1 -t 1
	timeout 4 iperf3 -c 10.55.0.1 -t 1 -R
	return 0
}

# rebind: pci-hyperv lets go of the VF's bus, which is the only time that it says so to the host.
rebind() {
	for bus in $(vpci_buses); do
		echo "$bus" >/sys/bus/vmbus/drivers/hv_pci/unbind
		within 5 has_no_vf "$nic"
		echo "$bus" >/sys/bus/vmbus/drivers/hv_pci/bind
	done
	return 0
}

# on_vf: the lab has the data path at the VF, and the guest its interface.
on_vf() {
	has_vf "$nic" && path_is vf
}

step "loading the bus" bus_up || finish_with "fails cleanly" "no bus"
step "loading the driver" load_any || note "the driver does not load: $(tail -n 1 /tmp/step.log)"
within 10 test -n "$(interface)" || :
nic=$(interface)
[ -n "$nic" ] || finish_with "fails cleanly" "no interface"
step "setting $nic up" setup "$nic" || finish_with hangs "no interface up"
step "loading what a VF needs" vf_drivers || note "VF drivers: $(tail -n 1 /tmp/step.log)"
within 15 on_vf || note "no VF at first"
step "traffic" traffic || :
# Taken away and brought back, which gives every message its turn.
tell "do vf0 remove" || note "remove: $answer"
within 15 has_no_vf "$nic" || note "the VF does not go"
step "traffic without it" traffic || :
within 15 vpci_buses_are 0 || note "the bus does not go"
tell "do vf0 add" || note "add: $answer"
within 15 on_vf || note "no VF after it came back"
step "binding the bus anew" rebind || :
within 15 on_vf || note "no VF at last"
step "more traffic" traffic || :
outcome=hangs
# A NIC that the host took away carries nothing.
[ -n "$(interface)" ] || outcome='fails cleanly'
if step "the last pings" flows; then
	outcome='fails cleanly'
	! on_vf || outcome=recovers
fi
step "reading interfaces" ip link show || finish_with hangs "ip link"
step "setting $nic down" ip link set "$nic" down || :
step "unloading the driver" unload_any || finish_with hangs "unload: $(tail -n 1 /tmp/step.log)"
finish_with "$outcome" "$nic"
