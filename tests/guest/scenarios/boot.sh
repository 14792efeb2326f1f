# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The kernel finds Hyper-V, connects to VMBus and sees the offered NIC; reports the version.
#: cpus=1 deadline=150
#: --net @nic@,id=net0,backend=sink

dmesg | grep -q 'Hypervisor detected: Microsoft Hyper-V' || fail "no Hyper-V detected"
bus_up
eventually 10 "a VMBus connection" sh -c 'dmesg | grep -q "Vmbus version:"'
version=$(dmesg | sed -n 's/.*Vmbus version:\([0-9.]*\).*/\1/p' | tail -n 1)
result vmbus_version "$version"
case $version in
5.3 | [6-9].*) ;;
*) fail "VMBus connected at $version only" ;;
esac
[ "$DRIVER" = virtio_net ] || eventually 10 "the offered NIC" vmbus_nics_are 1
result devices "$(for device in "$vmbus_devices"/*; do cat "$device/class_id"; done | wc -l)"
result uptime_s "$(cut -d' ' -f1 /proc/uptime)"
