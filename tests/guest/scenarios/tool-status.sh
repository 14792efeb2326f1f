# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# hvaccel status tells the truth about the path: before the VF's driver, with the VF, and after it.
#: cpus=1 deadline=180 guest=modules
#: --net netvsc,id=net0,queues=@CPUS@,backend=tap:ifname=lab0
#: --vf virtio,id=vf0,nic=net0,serial=7,domain=0x1234

# shellcheck disable=SC1091
. /lab/vf.sh

# says STATUS TEXT...: its exit status, and what it prints
says() {
	says_status=$1
	shift
	got=0
	hvaccel status >/tmp/status 2>&1 || got=$?
	note "hvaccel status: $got: $(tr '\n' ';' </tmp/status)"
	same "exit of hvaccel status" "$says_status" "$got"
	for text; do
		grep -qF -- "$text" /tmp/status || fail "hvaccel status does not say '$text'"
	done
}

tells() {
	hvaccel status 2>/dev/null | grep -qF -- "$1"
}

DRIVER=hv_netvsc
driver_load
address "$nics"
eventually 15 "the VF's bus" vpci_buses_are 1
# A kernel with pci-hyperv built in sees the function, the others its bus only; one with virtio_pci
# built in has given it a driver.
if [ -d /sys/bus/vmbus/drivers/hv_pci ]; then
	eventually 15 "the function" test -e /sys/bus/pci/devices/1234:00:00.0
	if [ -e /sys/bus/pci/devices/1234:00:00.0/driver ]; then
		says 6 'path synthetic' 'no-interface: virtio-pci'
	else
		says 6 'path synthetic' 'driver-not-loaded' 'modprobe virtio_pci'
	fi
else
	says 6 'path synthetic' 'bus-driver-missing' 'modprobe pci-hyperv'
fi
vf_drivers
vf_up "$nics"
eventually 10 "status after the switch" tells "path vf"
says 0 "$nics: fast, path vf for " "1234:00:00.0 serial 7, driver virtio-pci, interface $vf up" \
	"driver hv_netvsc" 'flaps      0' "kernel $(uname -r)"
run ip link set "$vf" down
eventually 10 "status of a VF that is down" tells 'path synthetic'
says 6 'down: ' "ip link set $vf up"
run ip link set "$vf" up
eventually 10 "status after it is up again" tells 'path vf'
host vf0 remove
vf_gone "$nics"
eventually 10 "status without the VF" tells 'no-offer'
says 5 'path synthetic' 'flaps      2'
# who is not root is told the same; an image's root directory is its packer's alone
run chmod 755 /
run busybox su nobody -s /bin/sh -c 'hvaccel status; [ $? = 5 ]'


# taken away from its driver
device=$(vmbus_nics)
run sh -c "echo $device >$vmbus_devices/$device/driver/unbind"
says 6 "$device: degraded, path none" 'nic-without-driver'
DRIVER=hv_netvsc_accel
driver_load
address "$nics"
says 5 "$nics: synthetic" 'driver hv_netvsc_accel, override hv_netvsc_accel' 'hv_netvsc_accel 0.1.0'
