# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The VF goes and comes back amid traffic: ejected, its bus rescinded, pulled; the NIC carries on.
#: cpus=1 deadline=240 peer=iperf3 guest=modules
#: ROUNDS=1
#: --net netvsc,id=net0,queues=@CPUS@,backend=tap:ifname=lab0
#: --vf virtio,id=vf0,nic=net0,serial=3,delay=100

# shellcheck disable=SC1091
. /lab/vf.sh

driver_load
vf_drivers
address "$nics"
vf_up "$nics"
moves_over vf0 echo_test

# What is lost while the VF goes is TCP's to send again; the stream itself may not end.
round=0
while [ "$round" -lt "$ROUNDS" ]; do
	for way in remove rescind 'rescind abrupt'; do
		iperf3 -c "$peer4" -t 60 >/tmp/stream.log 2>&1 </dev/null &
		pid=$!
		sleep 1
		# shellcheck disable=SC2086
		host vf0 $way
		vf_gone "$nics"
		eventually 30 "removal of the bus" vpci_buses_are 0
		kill -0 "$pid" 2>/dev/null || fail "the stream ended with '$way': $(tail -n 1 /tmp/stream.log)"
		moves_over net0 echo_test
		host vf0 add
		vf_up "$nics"
		kill -0 "$pid" 2>/dev/null || fail "the stream ended with add: $(tail -n 1 /tmp/stream.log)"
		sleep 1
		kill "$pid"
		moves_over vf0 echo_test
		result "$(echo "$way" | tr ' ' '_')_$round" ok
	done
	round=$((round + 1))
done

# Ejected without its bus: that stays, empty.
host vf0 eject
vf_gone "$nics"
sleep 1
vpci_buses_are 1 || fail "the bus went with its function"
tell "do vf0 state" || fail "state of vf0: $answer"
word_is present 0 || fail "state of vf0: $answer"
moves_over net0 echo_test
host vf0 rescind
eventually 30 "removal of the empty bus" vpci_buses_are 0
tell "do net0 counters" || fail "counters of net0: $answer"
result switches "$answer"
