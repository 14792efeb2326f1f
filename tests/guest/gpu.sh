# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# Passed-through devices behind vPCI. Sourced by the scenarios that have them; needs report.sh and
# driver.sh.

pci_devices=/sys/bus/pci/devices

# pci_functions_are N
pci_functions_are() {
	[ "$(ls "$pci_devices" | grep -c .)" -eq "$1" ]
}

# gpu_up [COUNT]: the vPCI driver, and all its functions.
gpu_up() {
	bus_up
	modprobe pci-hyperv 2>/dev/null || :
	eventually 10 "pci-hyperv" test -d /sys/bus/vmbus/drivers/hv_pci
	wanted=${1:-$(grep -l -r '44c4f61d-4444-4400-9d52-802e27ede19f' \
		/sys/bus/vmbus/devices/*/class_id 2>/dev/null | grep -c .)}
	eventually 60 "$wanted functions" pci_functions_are "$wanted"
}
