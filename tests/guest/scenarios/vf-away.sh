# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# A host that does not confirm switches of the data path keeps nobody waiting, and is told again.
#: cpus=1 deadline=200 guest=modules
#: LONGEST_MS=3000 GIVEN_WAY_MS=1500
#: --net netvsc,id=net0,queues=@CPUS@,backend=echo
#: --vf virtio,id=vf0,nic=net0,serial=12,delay=100
#fault: at netvsp.switch_data_path nth 1 drop
#fault: at netvsp.switch_data_path nth 4 drop
#fault: at netvsp.switch_data_path nth 7 drop

# shellcheck disable=SC1091
. /lab/vf.sh

[ "$DRIVER" = hv_netvsc_accel ] || skip "hv_netvsc waits for ever"

# bounded WHAT MS COMMAND...: the command takes no longer: 2 s and what this guest takes itself, or only
# that where a request of ours gives way.
bounded() {
	bounded_what=$1 bounded_limit=$2
	shift 2
	read -r up rest </proc/uptime
	bounded_from=$((${up%.*} * 1000 + 1${up#*.} * 10 - 1000))
	run "$@"
	read -r up rest </proc/uptime
	bounded_ms=$((${up%.*} * 1000 + 1${up#*.} * 10 - 1000 - bounded_from))
	result "${bounded_what}_ms" "$bounded_ms"
	[ "$bounded_ms" -le "$bounded_limit" ] || fail "$*: $bounded_ms ms"
}

has_fired() {
	tell "do faults fired" && [ "${answer% *}" -ge "$1" ]
}

# reported N: the reporter has had that many errors, and is well.
reported() {
	devlink health show "$handle" reporter vf | grep -q "state healthy error $1\>"
}

# confirmed: the host has said that it delivers to the synthetic path.
confirmed() {
	devlink health diagnose "$handle" reporter vf | grep -q "host_path: false"
}

driver_load
vf_drivers
handle=vmbus/$(device_of "$nics")
run ip link set "$nics" up
ip addr replace 10.68.0.2/16 dev "$nics"

# The request for the VF is on its way and stays unanswered.
eventually 30 "a request for the VF" has_fired 1
bounded pending "$GIVEN_WAY_MS" ip link set "$nics" down
run ip link set "$nics" up
vf_up "$nics"

# The one away from it is not answered; it is told again, and the VF may come back.
bounded away "$LONGEST_MS" ip link set "$vf" down
eventually 20 "the answer to a second message" confirmed
path_is synthetic || fail "the host delivers to the VF"
eventually 5 "the report" reported 1
run ip link set "$vf" up
eventually 20 "switch to $vf" path_is vf

# Nor is it when the VF goes for good.
bounded gone "$LONGEST_MS" rmmod virtio_net
eventually 20 "the answer to a second message without a VF" confirmed
path_is synthetic || fail "the host delivers to a VF that is gone"
eventually 5 "the report" reported 2
ping -q -c 1 -W 2 10.68.0.1 >/dev/null || fail "no echo without the VF"
run modprobe virtio_net
vf_up "$nics"
vf_stats
at_least "requests that went unanswered" 2 "$(stat vf_unanswered)"
driver_unload
