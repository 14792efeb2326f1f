# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# hvaccel switch over a session on the NIC itself: everything carried over, confirmed, unconfirmed, hung up.
#: cpus=2 deadline=480
#: --net netvsc,id=net0,queues=@CPUS@,backend=pair:wire
#: --net netvsc,id=net1,queues=@CPUS@,backend=pair:wire

# shellcheck disable=SC1091
. /lab/switch.sh

join
rule=/etc/udev/rules.d/70-hvaccel-$near_device.rules
run ip addr add 10.55.0.9/32 dev "$near" label "$near:9"
run ip route add default via 10.55.0.1
run ip route add 10.77.0.0/16 via 10.55.0.1 metric 7 mtu 1400
run ip -6 route add default via fd55::1
run ip route add 10.78.0.0/16 dev "$near" table 99
run ip neigh add 10.55.0.50 lladdr 02:00:00:00:00:50 dev "$near" nud permanent
run ip neigh add proxy 10.55.0.60 dev "$near"
run ip link set "$near" mtu 1450 txqueuelen 777 alias 'the only way in'
run tc qdisc replace dev "$near" root pfifo limit 55
echo 2 >"/proc/sys/net/ipv4/conf/$near/rp_filter"
echo 0 >"/proc/sys/net/ipv6/conf/$near/accept_ra"
echo 77 >"/proc/sys/net/ipv4/neigh/$near/gc_stale_time"
run ethtool -K "$near" tso off
facts >/tmp/before

note "what cannot be carried over is named, and refused"
run modprobe 8021q
run modprobe sch_ingress
run ip link add link "$near" name near5 type vlan id 5
refuse hvaccel switch "$near" accel --confirm 20
grep -q 'VLANs.*(uppers)' /tmp/step.log || fail "uppers: $(cat /tmp/step.log)"
run ip link del near5
run tc qdisc add dev "$near" clsact
refuse hvaccel switch "$near" accel --confirm 20
grep -q '(tc)' /tmp/step.log || fail "clsact: $(cat /tmp/step.log)"
run hvaccel switch "$near" accel --dry-run --lose tc
run tc qdisc del dev "$near" clsact
run ip addr add 10.55.0.10/32 dev "$near" valid_lft 500 preferred_lft 400
refuse hvaccel switch "$near" accel --confirm 20
grep -q '(lease)' /tmp/step.log || fail "lease: $(cat /tmp/step.log)"
run ip addr del 10.55.0.10/32 dev "$near"
driven_by hv_netvsc

note "there, over the session, and confirmed in it"
log_in
remote "hvaccel switch $near accel --confirm 30; echo done \$?"
shown 60 'waiting 30 s for'
shown 10 'done 0'
driven_by hv_netvsc_accel
[ ! -e "$rule" ] || fail "kept before anybody confirmed"
facts >/tmp/after
diff /tmp/before /tmp/after >/tmp/step.log || fail "not as before: $(tr '\n' ';' </tmp/step.log)"
grep -q 'gateway 10.55.0.1 answers' /tmp/shown || fail "the gateway was not asked"
remote "hvaccel confirm $near; echo confirmed \$?"
shown 10 'confirmed 0'
ends_as 5 confirmed
grep -q "driver_override}=\"hv_netvsc_accel\"" "$rule" || fail "the choice is not kept"
refuse hvaccel confirm

note "back, and nobody confirms: ours stays, and so does the choice"
remote "hvaccel switch $near intree --confirm 3 --peer 10.55.0.1; echo done \$?"
ends_as 60 returned
driven_by hv_netvsc_accel
[ -e "$rule" ] || fail "the choice is gone"
facts >/tmp/after
diff /tmp/before /tmp/after >/tmp/step.log || fail "not as before: $(tr '\n' ';' </tmp/step.log)"
remote 'echo still logged in'
shown 10 'still logged in'

note "a peer that does not answer: back at once"
refuse hvaccel switch "$near" intree --peer 10.55.0.77 --limit 30
ends_as 60 returned
grep -q 'the peer 10.55.0.77 does not answer' /tmp/step.log || fail "$(cat /tmp/step.log)"
driven_by hv_netvsc_accel

note "back and confirmed takes the choice back; the checks alone decide"
far nc -ll -p 3333 -e /bin/true &
run hvaccel switch "$near" intree --confirm 0 --peer 10.55.0.1:3333
ends_as 5 confirmed
driven_by hv_netvsc
[ ! -e "$rule" ] || fail "the choice is still there"
facts >/tmp/after
diff /tmp/before /tmp/after >/tmp/step.log || fail "not as before: $(tr '\n' ';' </tmp/step.log)"

note "hung up in the middle of it: it ends all the same, and comes back"
remote "hvaccel switch $near accel --confirm 4"
sleep 0.3
hang_up
ends_as 60 returned
driven_by hv_netvsc
[ ! -e "$rule" ] || fail "kept though nobody confirmed"
facts >/tmp/after
diff /tmp/before /tmp/after >/tmp/step.log || fail "not as before: $(tr '\n' ';' </tmp/step.log)"
eventually 10 "the other NIC" ping -q -c 1 -W 1 10.55.0.1

note "a rule for a driver that it does not have is taken back"
touch "$rule"
run hvaccel switch "$near" intree --dry-run
[ -e "$rule" ] || fail "a dry run takes the choice back"
run hvaccel switch "$near" intree
[ ! -e "$rule" ] || fail "the choice is not taken back"
driven_by hv_netvsc

note "not root, wrong words"
run chmod 755 /
refuse busybox su nobody -s /bin/sh -c "hvaccel switch $near accel"
grep -q 'switch is for root' /tmp/step.log || fail "$(cat /tmp/step.log)"
refuse hvaccel switch "$near" fast
refuse hvaccel switch nosuch accel
