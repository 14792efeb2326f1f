# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# pci-hyperv takes a function behind vPCI, which becomes the NIC's VF; traffic takes it, both ways.
#: cpus=1 deadline=150 peer=iperf3 guest=modules
#: SERIAL=7
#: --net netvsc,id=net0,queues=@CPUS@,backend=tap:ifname=lab0
#: --vf virtio,id=vf0,nic=net0,serial=@SERIAL@,domain=0x1234

# shellcheck disable=SC1091
. /lab/vf.sh

driver_load
vf_drivers
address "$nics"
vf_up "$nics"

device=$(readlink -f "/sys/class/net/$vf/device")
result vf "$vf"
# The interface hangs below a virtio device below the PCI function.
function=$(dirname "$device")
[ -e "$function/vendor" ] || function=$device
result function "$(basename "$function")"
same "vendor" 0x1af4 "$(cat "$function/vendor")"
same "driver" virtio-pci "$(basename "$(readlink "$function/driver")")"
same "PCI domain, bus, slot and function" 1234:00:00.0 "$(basename "$function")"
eventually 5 "slot of the serial" test -e "/sys/bus/pci/slots/$SERIAL/address"
same "address of the slot" 1234:00:00 "$(cat "/sys/bus/pci/slots/$SERIAL/address")"
same "address of the VF" "$(cat "/sys/class/net/$nics/address")" "$(cat "/sys/class/net/$vf/address")"
ip -d link show "$vf" | grep -q "SLAVE.* master $nics " || fail "$vf is not enslaved: $(ip -d link show "$vf")"

moves_over vf0 echo_test
stream tcp4 -c "$peer4"
stream tcp4_r -c "$peer4" -R
stream tcp6 -c "$peer6"
moves_over vf0 echo_test
tell "do vf0 interrupts" || fail "interrupts of vf0: $answer"
at_least "interrupts of the VF" 10 "$(word delivered)"
result interrupts "$answer"
snap vf
