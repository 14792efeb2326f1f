# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The kernel takes the NIC and VMBus through hibernation, without an image; traffic afterwards, as it was.
#: cpus=2 deadline=120
#: TURNS=2
#: --net @nic@,id=net0,queues=@CPUS@,backend=echo

# There is nothing in the lab to keep an image on, so that the kernel goes back once the image is made:
# all devices were suspended then. That it was made not every kernel says, but that it cannot be written.

images() {
	dmesg | grep -c 'PM: Cannot get swap writer'
}

grep -qw disk /sys/power/state 2>/dev/null || skip "this kernel does not hibernate"
driver_load
run ip link set "$nics" up
ip addr replace 10.68.0.2/16 dev "$nics"
eventually 20 "an echo" ping -q -c 1 -W 1 10.68.0.1
run ethtool -L "$nics" combined 2
run ip link set "$nics" mtu 1400
[ "$DRIVER" != hv_netvsc_accel ] || sessions=$(ethtool -S "$nics" | sed -n 's/^ *sessions: //p')
turn=0
while [ "$turn" -lt "$TURNS" ]; do
	turn=$((turn + 1))
	note "+ echo disk >/sys/power/state"
	! echo disk >/sys/power/state 2>/tmp/step.log || fail "an image was written, where?"
	same "images made: $(dmesg | tail -n 3)" "$turn" "$(images)"
	eventually 20 "an echo after turn $turn" ping -q -c 1 -W 1 10.68.0.1
	same "MTU" 1400 "$(cat "/sys/class/net/$nics/mtu")"
	same "channels" 2 "$(ethtool -l "$nics" | sed -n '/^Current/,$s/^Combined:[[:space:]]*//p')"
done
[ "$DRIVER" = hv_netvsc_accel ] || exit 0
same "sessions" $((sessions + TURNS)) "$(ethtool -S "$nics" | sed -n 's/^ *sessions: //p')"
driver_unload
