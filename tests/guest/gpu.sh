# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# Passed-through devices behind vPCI, and hv_gpu_passthrough. Sourced by the scenarios that have them;
# needs report.sh and driver.sh.

pci_devices=/sys/bus/pci/devices
gpupt=/sys/kernel/gpu_passthrough

# pci_functions_are N
pci_functions_are() {
	[ "$(find "$pci_devices" -type l | grep -c .)" -eq "$1" ]
}

# gpu_functions_are N: as our module has it.
gpu_functions_are() {
	[ "$(find "$gpupt/devices" -mindepth 1 -maxdepth 1 | grep -c .)" -eq "$1" ]
}

# settled: every function has its serial.
settled() {
	! grep -L . "$gpupt"/devices/*/serial | grep -q .
}

# gpu_up [COUNT]: the vPCI driver, all its functions, and our module.
gpu_up() {
	bus_up
	modprobe pci-hyperv 2>/dev/null || :
	eventually 10 "pci-hyperv" test -d /sys/bus/vmbus/drivers/hv_pci
	functions=${1:-$(cat /sys/bus/vmbus/devices/*/class_id |
		grep -c 44c4f61d-4444-4400-9d52-802e27ede19f)}
	eventually 90 "$functions functions" pci_functions_are "$functions"
	insert_ours hv_gpu_passthrough
	eventually 10 "$functions functions in sysfs" gpu_functions_are "$functions"
	eventually 10 "serials" settled
}

# of ADDRESS FILE: what our module says of a function.
of() {
	cat "$gpupt/devices/$1/$2"
}

# claim ADDRESS: hands a function to our module.
claim() {
	echo hv_gpu_passthrough >"$pci_devices/$1/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
	eventually 10 "/dev/gpupt/$1" test -c "/dev/gpupt/$1"
}

# stat_of ADDRESS NAME
stat_of() {
	of "$1" "stats/$2"
}

# gpu_levels: sets WANT_LEVEL, the largest entry of page tables that memory without pages can have:
# 1 a page (before 6.12, or without transparent huge pages), 2 2 MiB.
gpu_levels() {
	case $KERNEL in
	6.1 | 6.1-* | debug) WANT_LEVEL=1 ;;
	*) WANT_LEVEL=2 ;;
	esac
	export WANT_LEVEL
}
