# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# devlink: what the NIC says of itself, a stuck queue and a silent host as reported, and recovery on demand.
#: cpus=1 deadline=200
#: --net netvsc,id=net0,backend=echo
# Packets are not completed any more, so that the queue stands still. Then the host is silent four times.
#fault: at netvsp.tx_complete on net0 nth 60 drop
#fault: at netvsp.tx_complete on net0 nth 61 drop
#fault: at netvsp.tx_complete on net0 nth 62 drop
#fault: at netvsp.init on net0 nth 2 drop
#fault: at netvsp.init on net0 nth 3 drop
#fault: at netvsp.init on net0 nth 4 drop
#fault: at netvsp.init on net0 nth 5 drop

[ "$DRIVER" = hv_netvsc_accel ] || skip "hv_netvsc has no devlink"

# said COMMAND...: what devlink answers, in /tmp/said.
said() {
	run devlink "$@"
	mv /tmp/step.log /tmp/said
}

# says TEXT...: the last answer has it, whatever blanks are between.
says() {
	for says_text; do
		tr -s ' \t\n' '   ' </tmp/said | grep -q -- "$says_text" ||
			fail "devlink does not say '$says_text': $(cat /tmp/said)"
	done
}

# health REPORTER FIELD: of devlink health show.
health() {
	devlink health show "$handle" reporter "$1" | tr -s '[:space:]' '\n' | sed -n "/^$2\$/{n;p;}"
}

health_is() {
	[ "$(health "$1" "$2")" = "$3" ]
}

attempts_are() {
	devlink health diagnose "$handle" reporter control | grep -q "attempts: $1\>"
}

now_ms() {
	read -r up rest </proc/uptime
	echo $((${up%.*} * 1000 + 1${up#*.} * 10 - 1000))
}

driver_load
handle=vmbus/$(device_of "$nics")
said dev info "$handle"
version=$(ethtool -i "$nics" | sed -n 's/^firmware-version: NVSP //p')
says "driver hv_netvsc_accel" "fixed: driver $(ethtool -i "$nics" | sed -n 's/^version: //p')" \
	"running: vmbus 5.3 nvsp $version ndis 6.30 ndis.offload 3"
result info "$(tr -s ' \t\n' '   ' </tmp/said)"
for reporter in tx control vf; do
	same "state of $reporter" healthy "$(health $reporter state)"
	same "errors of $reporter" 0 "$(health $reporter error)"
	said health diagnose "$handle" reporter $reporter
	# nothing is kept yet: as it is
	said health dump show "$handle" reporter $reporter
	says "cause: none"
	run devlink health dump clear "$handle" reporter $reporter
done

run ip link set "$nics" up
ip addr replace 10.68.0.2/16 dev "$nics"
ping -q -f -c 200 -W 1 -w 3 10.68.0.1 >/dev/null || :
eventually 30 "a report of the stuck queue" health_is tx state error
said health dump show "$handle" reporter tx
says "cause: transmit queue stuck" "session: true" "queue: 0 live: true stopped: true under_way: [1-9]"
result dump "$(tr -s ' \t\n' '   ' </tmp/said)"

# The third attempt has failed as well. One on demand fails like them: 16 seconds until the next.
eventually 60 "the third attempt" attempts_are 4
refuse devlink health recover "$handle" reporter control
grep -q "host gives no session" /tmp/step.log || fail "no reason: $(cat /tmp/step.log)"
before=$(now_ms)
same "state of tx" error "$(health tx state)"
same "state of control" error "$(health control state)"
said health diagnose "$handle" reporter control
says "session: false" "takes_requests: false" "request: 1 "
result diagnose "$(tr -s ' \t\n' '   ' </tmp/said)"
said health dump show "$handle" reporter control
says "cause: no session with the host" "session: false"
run devlink dev info "$handle"
run devlink health recover "$handle" reporter tx
took=$(($(now_ms) - before))
result recover_ms "$took"
at_least "milliseconds before it would have been tried anyway" 0 $((10000 - took))
same "state of tx" healthy "$(health tx state)"
same "errors of tx" 1 "$(health tx error)"
same "recoveries of tx" 1 "$(health tx recover)"
eventually 5 "the other reporter healthy too" health_is control state healthy
same "recoveries of control" 1 "$(health control recover)"
eventually 10 "an echo" ping -q -c 1 -W 1 10.68.0.1
said health diagnose "$handle" reporter tx
says "queue: 0 live: true stopped: false"
driver_unload
! devlink health show | grep -q vmbus || fail "reporters are left"
