# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Four NICs find their VFs by serial or address, whichever came first; hvaccel status says how, or why not.
#: cpus=1 deadline=180 guest=modules
#: --net netvsc,id=net0,queues=@CPUS@,backend=echo
#: --net netvsc,id=net1,queues=@CPUS@,backend=echo
#: --net netvsc,id=net2,queues=@CPUS@,backend=echo
#: --net netvsc,id=net3,queues=@CPUS@,backend=echo
#: --vf virtio,id=vf0,nic=net0,serial=41,delay=100
#: --vf virtio,id=vf1,nic=net1,serial=42,offer=boot
#: --vf virtio,id=vf2,nic=net2,serial=43,delay=100,told=99
#: --vf virtio,id=vf3,nic=net3,serial=44,delay=100,mac=02:00:00:00:77:77

#	NIC	VF comes	serial told	address
#	net0	after it	the slot's	the NIC's
#	net1	before it	the slot's	the NIC's
#	net2	after it	another		the NIC's
#	net3	after it	the slot's	another

# shellcheck disable=SC1091
. /lab/vf.sh

# nth N: the NIC of netN, as an interface
nth() {
	echo "$nics" | cut -d' ' -f$(($1 + 1))
}

receives() {
	tell "do $1 state" && word_is path "$2"
}

# says NIC TEXT: what hvaccel status prints of that NIC
says() {
	hvaccel status 2>&1 | sed -n "/^$1:/,/^[^ ]/p" >/tmp/status
	grep -qF -- "$2" /tmp/status
}

# tells N TEXT...
tells() {
	tells_nic=$(nth "$1")
	shift
	for text; do
		eventually 10 "hvaccel status of $tells_nic with '$text'" says "$tells_nic" "$text"
	done
	note "$(tr '\n' ';' </tmp/status)"
}

# by_serial N 0|1: what ours counts of it
by_serial() {
	[ "$DRIVER" = hv_netvsc_accel ] || return 0
	nics_all=$nics nics=$(nth "$1")
	vf_stats
	nics=$nics_all
	same "$(nth "$1") has a VF" 1 "$(stat vf_bound)"
	same "$(nth "$1") has it by its serial" "$2" "$(stat vf_by_serial)"
}

# look: each NIC has what it ought to have
look() {
	for n in 0 1 2 3; do
		run ip link set "$(nth "$n")" up
		ip addr replace "10.$((70 + n)).0.2/24" dev "$(nth "$n")"
	done
	for n in 0 1 2; do
		eventually 30 "switch of net$n to its VF" receives "net$n" vf
		same "serial of the VF of net$n" "4$((n + 1))" \
			"$(serial_of "$(vf_of "$(nth "$n")")")"
		run ping -q -c 5 -i 0.01 -W 2 -I "$(nth "$n")" "10.$((70 + n)).0.1"
	done
	receives net3 synthetic || fail "net3 receives over a VF of another address"
	has_no_vf "$(nth 3)" || fail "net3 has a VF of another address"
	run ping -q -c 5 -i 0.01 -W 2 -I "$(nth 3)" 10.73.0.1
	by_serial 0 1
	by_serial 1 1
	by_serial 2 0
	tells 0 'fast, path vf' 'serial 41,'
	tells 1 'fast, path vf' 'serial 42,'
	tells 2 'fast, path vf' 'serial 43,'
	[ "$DRIVER" != hv_netvsc_accel ] ||
		tells 2 'bound      by its address; the host named serial 99'
	tells 3 'degraded, path synthetic' 'serial-mismatch' 'serial 44) has another address'
	got=0
	hvaccel status >/dev/null || got=$?
	same "exit of hvaccel status, the worst of four" 6 "$got"
}

# serial_of VF: by the name of its slot
serial_of() {
	function=$(readlink -f "/sys/class/net/$1/device")
	[ -e "$function/vendor" ] || function=$(dirname "$function")
	for slot in /sys/bus/pci/slots/*; do
		[ "$(cat "$slot/address")" != "${function##*/}" ] &&
			[ "$(cat "$slot/address").0" != "${function##*/}" ] || echo "${slot##*/}"
	done
}

# The VF's driver is there before the NIC's, so that the one of net1 has its interface first.
vf_drivers
eventually 20 "the function of net1" test -e /sys/bus/pci/slots/42
driver_load 4
look

# Now all of them are there before the NICs' driver.
driver_unload
driver_load 4
look
driver_unload
