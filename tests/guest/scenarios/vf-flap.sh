# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The VF is lost in every way there is; each is counted by its cause, and storms are held down.
#: cpus=2 deadline=150 guest=modules
#: --net netvsc,id=net0,queues=@CPUS@,backend=echo
#: --vf virtio,id=vf0,nic=net0,serial=13,delay=100

# shellcheck disable=SC1091
. /lab/vf.sh

[ "$DRIVER" = hv_netvsc_accel ] || skip "only hv_netvsc_accel tells"

# counted NAME WANTED: a counter, now.
counted() {
	vf_stats
	same "$1" "$2" "$(stat "$1")"
}

is_counted() {
	vf_stats
	[ "$(stat "$1")" = "$2" ]
}

pings() {
	run ping -q -c 5 -i 0.01 -W 2 10.68.0.1
}

# link_flap: the VF's carrier goes and comes.
link_flap() {
	host vf0 link down
	eventually 5 "switch away from a VF without carrier" path_is synthetic
	pings
	host vf0 link up
	eventually 20 "switch back" path_is vf
}

hold=/sys/module/hv_netvsc_accel/parameters/vf_hold

driver_load
vf_drivers
run ip link set "$nics" up
ip addr replace 10.68.0.2/16 dev "$nics"
vf_up "$nics"
moves_over vf0 run ping -q -c 20 -i 0.01 -W 2 10.68.0.1
counted vf_path 1
counted vf_bound 1
counted vf_by_serial 1
counted vf_serial 13
counted vf_obstacle 0
counted vf_flaps 0

link_flap
counted vf_cause_link 1

function=$(readlink -f "/sys/class/net/$vf/device")
for virtio in "$function"/virtio*; do
	virtio=${virtio##*/}
done
echo "$virtio" >/sys/bus/virtio/drivers/virtio_net/unbind
vf_gone "$nics"
pings
eventually 10 "the driver's doing" is_counted vf_cause_driver 1
counted vf_cause_eject 0
counted vf_bound 0
echo "$virtio" >/sys/bus/virtio/drivers/virtio_net/bind
vf_up "$nics"

# affinities: where the VF's interrupts may go, each once.
affinities() {
	for irq in "/sys/class/net/$vf/device/msi_irqs"/*; do
		cat "/proc/irq/${irq##*/}/smp_affinity_list"
	done | sort -u
}

for irq in "/sys/class/net/$vf/device/msi_irqs"/*; do
	echo 1 >"/proc/irq/${irq##*/}/smp_affinity_list"
done
host vf0 remove
vf_gone "$nics"
pings
counted vf_allocated 0
sleep 2
counted vf_cause_driver 1
lost=$(($(stat vf_cause_eject) + $(stat vf_cause_host)))
same "VFs that the host took away" 1 "$lost"
counted vf_flaps 3
counted vf_switches_out 3
host vf0 add
vf_up "$nics"
same "processors of its interrupts" 1 "$(affinities)"
at_least "time without the VF, ms" 100 "$(vf_stats && stat vf_ms_last)"

run ip link set "$vf" down
path_is synthetic || fail "the host delivers to a VF that is down"
counted vf_cause_down 1
counted vf_obstacle 5
run ip link set "$vf" up
eventually 20 "switch back" path_is vf

# Three flaps in a row were free; those that follow are held down for 1 and 2 seconds.
counted vf_held 0
echo 2 >"$hold"
link_flap
counted vf_held 1
started=$(cut -d ' ' -f 1 /proc/uptime)
link_flap
counted vf_held 2
took=$(echo "$started $(cut -d ' ' -f 1 /proc/uptime)" | awk '{ print int(($2 - $1) * 1000) }')
at_least "time until the held return, ms" 1900 "$took"
echo 0 >"$hold"
link_flap
counted vf_held 2

vf_stats
same "switches away and back" "$(stat vf_switches_out)" "$(($(stat vf_switches_in) - 1))"
at_least "ms on the VF" 1000 "$(stat vf_ms_vf)"
at_least "ms without" 1000 "$(stat vf_ms_synthetic)"
result counters "$(sed -n 's/^ *\(vf_[a-z_]*\): /\1=/p' /tmp/stats | tr '\n' ' ')"

# A new session with the host: it is told of the VF again.
run ip link set "$nics" mtu 4000
same "MTU of the VF" 4000 "$(cat "/sys/class/net/$vf/mtu")"
eventually 20 "switch back after a change of MTU" path_is vf
counted vf_cause_session 1
pings
run ping -q -c 5 -i 0.01 -s 3900 -W 2 10.68.0.1
# A VF that is set otherwise than the NIC is not used.
run ip link set "$vf" mtu 1500
eventually 10 "switch away from a VF of another MTU" path_is synthetic
counted vf_obstacle 7
run ping -q -c 5 -i 0.01 -s 3900 -W 2 10.68.0.1
run ip link set "$vf" mtu 4000
eventually 20 "switch back" path_is vf

# The VF goes with the NIC, and comes with it.
run ip link set "$nics" down
ip link show "$vf" | grep -q ',UP' && fail "$vf is up without $nics"
run ip link set "$nics" up
eventually 20 "switch back" path_is vf
driver_unload
ip -d link show "$vf" | grep -qE 'SLAVE|master' && fail "$vf is bound still: $(ip -d link show "$vf")"
driver_load
run ip link set "$nics" up
vf_up "$nics"
driver_unload
