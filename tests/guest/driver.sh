# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# Loading and unloading the NIC driver under test, $DRIVER, and finding its NICs. A Hyper-V NIC is
# a VMBus device of the network class; hv_netvsc takes every one it sees, hv_netvsc_accel only what
# driver_override gives it. Needs report.sh.

vmbus_devices=/sys/bus/vmbus/devices
network_class='{f8615163-df3e-46c5-913f-f2d2f965ed0e}'

# bus_up: the VMBus driver; built into 7.x.
bus_up() {
	[ -d /sys/bus/vmbus ] || run modprobe hv_vmbus
	eventually 10 "VMBus" test -d /sys/bus/vmbus/drivers
}

# vmbus_nics: the network devices on the bus, one a line, oldest first.
vmbus_nics() {
	for device in "$vmbus_devices"/*; do
		[ "$(cat "$device/class_id" 2>/dev/null)" != "$network_class" ] ||
			printf '%s %s\n' "$(cat "$device/id")" "${device##*/}"
	done | sort -n | sed 's/.* //'
}

vmbus_nics_are() {
	[ "$(vmbus_nics | grep -c .)" -eq "$1" ]
}

# insert_ours NAME [PARAMETER...]: one of our modules and what it depends on; a second time does
# nothing.
insert_ours() {
	[ ! -d "/sys/module/$1" ] || return 0
	ours=/usr/lib/modules/$(uname -r)/ours
	[ -e "$ours/$1.ko" ] || fail "no module $1 in this image"
	while read -r needed; do
		[ -n "$needed" ] || continue
		if [ -e "$ours/$needed.ko" ]; then
			insert_ours "$needed"
		else
			modprobe "$needed" || fail "modprobe $needed"
		fi
	done <"$ours/$1.depends"
	ours_module=$ours/$1.ko
	shift
	run insmod "$ours_module" "$@"
}

# driver_bound DEVICE NAME
driver_bound() {
	[ "$(basename "$(readlink "$vmbus_devices/$1/driver")")" = "$2" ] &&
		[ -n "$(ls "$vmbus_devices/$1/net" 2>/dev/null)" ]
}

# driver_give DEVICE NAME: hands one device to that driver, whoever has it now.
driver_give() {
	driver_path=$vmbus_devices/$1
	[ ! -e "$driver_path/driver/unbind" ] || echo "$1" >"$driver_path/driver/unbind"
	case $2 in
	hv_netvsc) echo >"$driver_path/driver_override" ;;
	*) echo "$2" >"$driver_path/driver_override" ;;
	esac
	echo "$1" >/sys/bus/vmbus/drivers_probe || return 1
	eventually 15 "$2 on $1" driver_bound "$1" "$2"
}

# driver_load [COUNT]: loads $DRIVER and waits for COUNT (default 1) NICs that it has; sets $nics.
# hv_netvsc gets $hv_netvsc_parameters.
driver_load() {
	driver_count=${1:-1}
	case $DRIVER in
	virtio_net)
		modprobe virtio_pci 2>/dev/null
		run modprobe virtio_net
		eventually 15 "virtio NIC" virtio_nics_are "$driver_count"
		nics=$(virtio_nics | sed "s, $,,")
		return
		;;
	esac
	bus_up
	eventually 15 "$driver_count VMBus NICs" vmbus_nics_are "$driver_count"
	case $DRIVER in
	hv_netvsc)
		# an earlier driver_give() of the same scenario may still keep it away
		for device in $(vmbus_nics); do
			echo >"$vmbus_devices/$device/driver_override"
		done
		# shellcheck disable=SC2086 # words
		run modprobe hv_netvsc ${hv_netvsc_parameters:-}
		;;
	*) insert_ours "$DRIVER" ;;
	esac
	nics=''
	for device in $(vmbus_nics); do
		driver_bound "$device" "$DRIVER" || [ "$DRIVER" = hv_netvsc ] ||
			driver_give "$device" "$DRIVER"
		eventually 15 "$DRIVER on $device" driver_bound "$device" "$DRIVER"
		nics="$nics $(ls "$vmbus_devices/$device/net")"
	done
	nics=${nics# }
}

virtio_nics() {
	for directory in /sys/class/net/*; do
		case $(readlink "$directory/device/driver") in
		*/virtio_net) printf '%s ' "${directory##*/}" ;;
		esac
	done
}

virtio_nics_are() {
	[ "$(virtio_nics | wc -w)" -eq "$1" ]
}

# driver_unload: removes $DRIVER and everything of ours; the bus stays.
driver_unload() {
	case $DRIVER in
	hv_netvsc_accel)
		run rmmod hv_netvsc_accel
		[ ! -d /sys/module/hv_vmbus_accel ] || run rmmod hv_vmbus_accel
		;;
	*) run rmmod "$DRIVER" ;;
	esac
}

# device_of NIC: the VMBus device below it.
device_of() {
	basename "$(readlink -f "/sys/class/net/$1/device")"
}

# channel_count NIC: the VMBus channels that its device has open.
channel_count() {
	for channel in "/sys/class/net/$1/device/channels"/*; do
		echo "$channel"
	done | grep -c .
}

# all_channels NIC: as many as there are processors; hv_netvsc opens half of that by itself.
all_channels() {
	[ "$DRIVER" != virtio_net ] || return 0
	[ "$(channel_count "$1")" -eq "$CPUS" ] || run ethtool -L "$1" combined "$CPUS"
	same "channels of $1" "$CPUS" "$(channel_count "$1")"
}
