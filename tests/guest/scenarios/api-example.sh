# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The example driver of docs/vmbus-api.md on a NIC, twice, and the NIC's own driver after it.
#: cpus=2 deadline=90 NVSP=6.1 WANTED=0x60001
#: --net netvsc,id=net0,queues=@CPUS@,nvsp-max=@NVSP@,backend=echo

[ "$DRIVER" = hv_netvsc_accel ] || skip "the example is among the modules of hv_netvsc_accel"

# given NAME: the NIC is that driver's.
given() {
	[ "$(basename "$(readlink "$vmbus_devices/$device/driver")")" = "$1" ]
}

# said: what the example has said so far, one line a version.
said() {
	dmesg | sed -n "s/.*hva_example $device: //p"
}

bus_up
eventually 15 "a NIC" vmbus_nics_are 1
device=$(vmbus_nics)
insert_ours hva_example
for turn in 1 2; do
	echo hva_example >"$vmbus_devices/$device/driver_override"
	echo "$device" >/sys/bus/vmbus/drivers_probe
	eventually 15 "hva_example on $device" given hva_example
	same "versions that the host takes, turn $turn" "$turn" "$(said | grep -c "^host takes version $WANTED\$")"
	said
	echo "$device" >/sys/bus/vmbus/drivers/hva_example/unbind
done
same "lines that tell of anything else" '' "$(said | grep -v '^host takes version ' || :)"
run rmmod hva_example
# it left the channel as it found it
driver_load
driver_unload
