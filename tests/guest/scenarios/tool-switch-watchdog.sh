# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# hvaccel switch is killed half way: the watchdog reboots the machine (hvlab ends with 12).
#: cpus=1 deadline=240
#: --net netvsc,id=net0,queues=@CPUS@,backend=pair:wire
#: --net netvsc,id=net1,queues=@CPUS@,backend=pair:wire

# shellcheck disable=SC1091
. /lab/switch.sh

join
[ ! -e /dev/watchdog ] || fail "there is a watchdog already"
run hvaccel switch "$near" accel --confirm 300
state_is waiting || fail "$(cat "/run/hvaccel/$near_device.state")"
driven_by hv_netvsc_accel
grep -q 'a watchdog looks after it' "/run/hvaccel/$near_device.log" ||
	fail "no watchdog: $(tr '\n' ';' <"/run/hvaccel/$near_device.log")"

# It would be there for nothing when all goes well.
run hvaccel confirm "$near"
ends_as 10 confirmed
same "state of the watchdog" inactive "$(cat /sys/class/watchdog/watchdog0/state)"
run hvaccel switch "$near" intree --confirm 0
ends_as 30 confirmed
[ ! -e "/etc/udev/rules.d/70-hvaccel-$near_device.rules" ] || fail "the choice of accel is still there"

run hvaccel switch "$near" accel --confirm 300
read -r _ _ guard <"/run/hvaccel/$near_device.state"
same "state of the watchdog" active "$(cat /sys/class/watchdog/watchdog0/state)"
run kill -9 "$guard"
note "the guard is gone; nobody brings the NIC back, and the watchdog bites within 60 s"
sleep 90
fail "still here"
