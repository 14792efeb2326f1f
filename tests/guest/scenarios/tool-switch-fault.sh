# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# hvaccel switch with a driver that fails to probe, then with a host that stops answering it: back each time.
#: cpus=1 deadline=300
#: --net netvsc,id=net0,queues=@CPUS@,backend=pair:wire
#: --net netvsc,id=net1,queues=@CPUS@,backend=pair:wire
#fault: at netvsp.send_recv_buf on net0 nth 2 status 2
#fault: at netvsp.send_recv_buf on net0 nth 4 drop
#fault: at netvsp.send_recv_buf on net0 nth 5 drop

# shellcheck disable=SC1091
. /lab/switch.sh

join
run ip route add default via 10.55.0.1
facts >/tmp/before
log_in
round=0
for what in 'the driver fails to probe' 'the host does not answer'; do
	note "$what"
	round=$((round + 1))
	remote "hvaccel switch $near accel --confirm 20 --limit 40; echo round $round ends with \$?"
	shown 90 "round $round ends with 1"
	ends_as 1 returned
	driven_by hv_netvsc
	grep -q "hv_netvsc_accel does not take $near_device" "/run/hvaccel/$near_device.log" ||
		fail "no word of the probe: $(cat "/run/hvaccel/$near_device.log")"
	facts >/tmp/after
	diff /tmp/before /tmp/after >/tmp/step.log || fail "not as before: $(tr '\n' ';' </tmp/step.log)"
	[ ! -e "/etc/udev/rules.d/70-hvaccel-$near_device.rules" ] || fail "the choice is kept"
	remote "echo still logged in after \$(echo $round)"
	shown 20 "still logged in after $round"
done
note "and without a fault it goes"
remote "hvaccel switch $near accel --confirm 20; echo done \$?"
shown 60 'done 0'
remote 'hvaccel confirm'
ends_as 10 confirmed
driven_by hv_netvsc_accel
