# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# Machines made of files for the tests of hvaccel, and what they check with. Sourced by each of them,
# with $top set to the tree: $hvaccel is the program, $root the saved tree, $dir a directory of the
# test's own.

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
make -s -C "$top/tools" BUILD="$top/build/tools" >/dev/null
hvaccel=$top/build/tools/hvaccel
root=$dir/root
failed=0
net='{f8615163-df3e-46c5-913f-f2d2f965ed0e}'
heartbeat='{57164f39-9115-4e78-ab55-382f3bd5422d}'
vpci='{44c4f61d-4444-4400-9d52-802e27ede19f}'

# check WHAT WANTED GOT
check() {
	if [ "$2" = "$3" ]; then
		echo "ok   $1"
	else
		failed=1
		echo "FAIL $1: wanted '$2', got '$3'"
	fi
}

# has WHAT TEXT FILE: the file holds the text
has() {
	if grep -qF -- "$2" "$3"; then
		echo "ok   $1"
	else
		failed=1
		echo "FAIL $1: '$2' is not in: $(cat "$3")"
	fi
}

# refused WHAT STATUS TEXT COMMAND OPTION...: the command ends with STATUS and one line that holds TEXT
refused() {
	what=$1 status=$2 text=$3
	shift 3
	got=0
	"$hvaccel" "$@" >"$dir/out" 2>"$dir/err" || got=$?
	check "$what: status" "$status" "$got"
	check "$what: lines" 1 "$(wc -l <"$dir/err")"
	has "$what: text" "$text" "$dir/err"
}

# vmbus_device NAME CLASS NODE CHANNELS [RELID]: all of its channels on processor 0
vmbus_device() {
	at=$root/sys/bus/vmbus/devices/$1
	rm -rf "$at"
	mkdir -p "$at/channels"
	echo "$2" >"$at/class_id"
	echo "$3" >"$at/numa_node"
	sub=0
	while [ "$sub" -lt "$4" ]; do
		mkdir "$at/channels/$((${5:-10} + sub))"
		echo "$sub" >"$at/channels/$((${5:-10} + sub))/subchannel_id"
		echo 0 >"$at/channels/$((${5:-10} + sub))/cpu"
		sub=$((sub + 1))
	done
}

# vmbus_nic NAME DEVICE DRIVER MAC: a NIC with an interface, two queues each way
vmbus_nic() {
	vmbus_device "$2" "$net" 0 2
	mkdir -p "$at/net/$1" "$root/sys/class/net/$1/queues/rx-0" \
		"$root/sys/class/net/$1/queues/rx-1" "$root/sys/class/net/$1/queues/tx-0" \
		"$root/sys/class/net/$1/queues/tx-1"
	ln -s "../../../../bus/vmbus/drivers/$3" "$at/driver"
	echo "$4" >"$root/sys/class/net/$1/address"
	echo up >"$root/sys/class/net/$1/operstate"
	echo 1500 >"$root/sys/class/net/$1/mtu"
}

# pci_function ADDRESS GUID CLASS VENDOR DEVICE SERIAL NODE: behind vPCI, without a driver
pci_function() {
	bus=$root/sys/devices/acpi/VMBUS:01/$2
	function=$bus/pci${1%:*}/$1
	vmbus_device "$2" "$vpci" "$7" 1
	mkdir -p "$function" "$root/sys/bus/pci/devices" "$root/sys/bus/pci/slots/$6"
	ln -s ../drivers/hv_pci "$root/sys/bus/vmbus/devices/$2/driver"
	ln -s "../../../devices/acpi/VMBUS:01/$2/pci${1%:*}/$1" "$root/sys/bus/pci/devices/$1"
	echo "${1%.*}" >"$root/sys/bus/pci/slots/$6/address"
	echo "$3" >"$function/class"
	echo "$4" >"$function/vendor"
	echo "$5" >"$function/device"
	echo "$7" >"$function/numa_node"
	echo "pci:v0000${4#0x}d0000${5#0x}sv*" >"$function/modalias"
}

# function_driver ADDRESS DRIVER
function_driver() {
	ln -s "../../drivers/$2" "$root/sys/bus/pci/devices/$1/driver"
}

# function_interface ADDRESS NAME MAC OPERSTATE
function_interface() {
	mkdir -p "$root/sys/bus/pci/devices/$1/net/$2" "$root/sys/class/net/$2"
	echo "$3" >"$root/sys/class/net/$2/address"
	echo "$4" >"$root/sys/class/net/$2/operstate"
}

# join VF NIC: as the NIC's lower device
join() {
	ln -s "../$1" "$root/sys/class/net/$2/lower_$1"
	ln -s "../$2" "$root/sys/class/net/$1/master"
}

# kernel RELEASE: running, with no module
kernel() {
	mkdir -p "$root/proc/sys/kernel" "$root/lib/modules/$1" "$root/sys/module"
	echo "$1" >"$root/proc/sys/kernel/osrelease"
	: >"$root/lib/modules/$1/modules.alias"
}
