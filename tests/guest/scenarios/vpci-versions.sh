# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Hosts of each vPCI version: the guest takes the newest of both, and traffic flows.
#: cpus=2 deadline=150
#: --vpci virtio-net,id=v11,serial=11,domain=0x11,version-max=1.1,backend=echo
#: --vpci virtio-net,id=v12,serial=12,domain=0x12,version-max=1.2,backend=echo
#: --vpci virtio-net,id=v13,serial=13,domain=0x13,version-max=1.3,backend=echo
#: --vpci virtio-net,id=v14,serial=14,domain=0x14,version-max=1.4,backend=echo
#: --vpci virtio-net,id=v16,serial=16,domain=0x16,version-max=1.6,backend=echo
#: --vpci virtio-net,id=v15,serial=15,domain=0x15,version-min=1.5,backend=echo

# shellcheck disable=SC1091
. /lab/vf.sh

here() {
	ls "/sys/bus/pci/devices/00$1:00:00.0/"virtio*/net
}

bus_up
modprobe pci-hyperv 2>/dev/null || :
modprobe virtio_pci 2>/dev/null || :
run modprobe virtio_net
for minor in 1 2 3 4 6; do
	eventually 20 "function of vPCI 1.$minor" here "1$minor"
	tell "do v1$minor state" || fail "state: $answer"
	agreed=$(word version)
	# Linux knows none beyond 1.4.
	if [ "$minor" = 6 ]; then
		same "version of 1.6" 1.4 "$agreed"
	else
		same "version" "1.$minor" "$agreed"
	fi
	nic=$(here "1$minor")
	run ip addr add "10.68.2.1/24" dev "$nic"
	run ip link set "$nic" up
	eventually 10 "an echo by vPCI 1.$minor" ping -q -c 1 -W 1 10.68.2.9
	run ping -q -f -c 50 -w 5 10.68.2.9
	run ip addr del "10.68.2.1/24" dev "$nic"
	tell "do v1$minor interrupts" || fail "interrupts: $answer"
	at_least "interrupts of vPCI 1.$minor" 10 "$(word delivered)"
done
# A host that wants more than any guest has is done without.
tell "do v15 state" || fail "state: $answer"
word_is version 0.0 || fail "vPCI 1.5: $answer"
! here 15 || fail "a function of vPCI 1.5"
