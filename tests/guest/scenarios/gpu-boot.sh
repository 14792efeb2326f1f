# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# A guest boots with the passed-through devices of a VM size: each is there, on its domain and node.
#: deadline=240 MACHINE=nd-h100-v5 machine=@MACHINE@

# shellcheck disable=SC1091
. /lab/gpu.sh

gpu_up
tell "do devices" || :
run ls /sys/bus/pci/devices
for path in /sys/bus/pci/devices/*; do
	printf '%s %s %s node %s slot %s speed %s width %s\n' "${path##*/}" "$(cat "$path/vendor")" \
		"$(cat "$path/device")" "$(cat "$path/numa_node")" "" \
		"$(cat "$path/current_link_speed" 2>/dev/null)" \
		"$(cat "$path/current_link_width" 2>/dev/null)"
done
