# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# With signatures enforced and /usr read-only a system extension brings the modules, nothing else does.
#: cpus=1 deadline=240 VERITY=yes append=module.sig_enforce=1 prepare=packaging/guest
#: --net @nic@,id=net0,backend=sink

# refused FILE NAME: the kernel must not take it
refused() {
	! insmod "/lab/$1" 2>/tmp/said || fail "the kernel took $2"
	[ ! -d /sys/module/hv_vmbus_accel ] || fail "$2 is loaded"
	result "refused_$2" "$(tail -n 1 /tmp/said | sed 's/.*: //')"
}

[ "$(cat /sys/module/module/parameters/sig_enforce)" = Y ] || fail "signatures are not enforced"
grep -q 'hvaccel test key' /proc/keys || fail "the kernel does not have the test key"

# Its own modules, as Debian signed them, are strangers now; signed anew they are not.
! insmod /lab/stock.ko 2>/dev/null || fail "the kernel took a module of a key it does not have"
while read -r module; do
	insmod "/lab/modules/$module" || fail "$module, signed by the test key, was refused"
done </lab/modules/order

refused unsigned.ko unsigned
refused stranger.ko stranger
refused altered.ko altered

# A system whose /usr cannot be written.
# What is there already is running: its libraries must not be written over.
(cd /lab/root && find . -type f) | while read -r file; do
	[ -e "/$file" ] || { mkdir -p "/${file%/*}" && cp "/lab/root/$file" "/$file"; }
done
printf 'ID=lab\nVERSION_ID=1\n' >/etc/os-release
mkdir -p /run/extensions
cp /lab/extension/* /run/extensions/
[ "$VERITY" = yes ] || rm /run/extensions/hvaccel.verity /run/extensions/hvaccel.roothash*
mount -o bind /usr /usr
mount -o remount,bind,ro /usr || fail "cannot make /usr read-only"
! touch /usr/written 2>/dev/null || fail "/usr can be written"
# As systemd has it: what is mounted in its children's namespaces comes back to ours.
mount --make-rshared / || fail "cannot share mounts"
release=$(uname -r)
before=$(cat "/usr/lib/modules/$release/modules."* | sha256sum)
# systemd waits for udev to have seen the loop device.
echo on >/proc/sys/kernel/printk_devkmsg
SYSTEMD_LOG_TARGET=kmsg /usr/lib/systemd/systemd-udevd --daemon || fail "udev does not start"
# This udev has no rules, so device-mapper makes its own nodes.
DM_DISABLE_UDEV=1 SYSTEMD_LOG_LEVEL=debug timeout 60 systemd-sysext merge >/tmp/merge.log 2>&1 || {
	tail -n 20 /tmp/merge.log
	fail "systemd-sysext cannot merge it"
}
[ -d "/usr/lib/modules/$release/extra/hvaccel" ] || {
	tail -n 30 /tmp/merge.log
	fail "merged, but not there"
}
[ "$(cat "/usr/lib/modules/$release/modules."* | sha256sum)" = "$before" ] ||
	fail "the extension hides the system's lists of modules"
! touch /usr/written 2>/dev/null || fail "/usr can be written"

# With VERITY=no the image alone; else every block is checked against the root hash beside it.
if [ "$VERITY" = yes ]; then
	ls /sys/block/dm-*/dm/name >/dev/null 2>&1 || fail "merged without dm-verity"
	result verity "$(cat /sys/block/dm-*/dm/name)"
fi

/usr/lib/hvaccel/load || fail "the extension's modules do not load"
for file in /usr/lib/modules/"$release"/extra/hvaccel/*.ko; do
	name=$(basename "$file" .ko)
	[ -d "/sys/module/$name" ] || fail "$name is not loaded"
	! grep -q E "/sys/module/$name/taint" || fail "$name counts as unsigned"
done
/usr/lib/hvaccel/load || fail "a second time it fails"

# It is the driver, and drives: handed over by the command, which leaves a rule, and then by udev alone,
# as at the next boot.
driver_is() {
	[ "$(basename "$(readlink "$vmbus_devices/$device/driver")")" = "$1" ] &&
		[ -d "$vmbus_devices/$device/net" ]
}
bus_up
eventually 10 "the offered NIC" vmbus_nics_are 1
device=$(vmbus_nics)
rule=/etc/udev/rules.d/70-hvaccel-$device.rules
eventually 10 "an interface of hv_netvsc" driver_is hv_netvsc
nic=$(ls "$vmbus_devices/$device/net")
run ip link set "$nic" up
run hvaccel switch "$nic" accel --confirm 0
[ -s "$rule" ] || fail "the choice is not kept"
eventually 10 "an interface of hv_netvsc_accel" driver_is hv_netvsc_accel
echo "$device" >"$vmbus_devices/$device/driver/unbind"
echo >"$vmbus_devices/$device/driver_override"
echo "$device" >/sys/bus/vmbus/drivers/hv_netvsc/bind
eventually 10 "hv_netvsc again" driver_is hv_netvsc
run udevadm control --reload --log-level=debug
run udevadm trigger --action=add "$vmbus_devices/$device"
turns=100
until driver_is hv_netvsc_accel; do
	turns=$((turns - 1))
	[ "$turns" -gt 0 ] || {
		dmesg | grep -i 'udev\|vmbus\|netvsc' | tail -n 60 | while read -r line; do note "$line"; done
		fail "hv_netvsc_accel by udev's rule: did not happen," \
			"driver $(basename "$(readlink "$vmbus_devices/$device/driver")")," \
			"override $(cat "$vmbus_devices/$device/driver_override")"
	}
	sleep 0.2
done
result driver "$(basename "$(readlink "$vmbus_devices/$device/driver")")"

# What a removal of the command does to its choice.
sh /lab/removed 0
[ ! -e "$rule" ] || fail "the rule is there after the removal"
echo "$device" >"$vmbus_devices/$device/driver/unbind"
systemd-sysext unmerge || fail "cannot unmerge"
[ ! -e "/usr/lib/modules/$release/extra/hvaccel" ] || fail "the extension is still there"
for name in hv_netvsc_accel hv_vmbus_accel; do
	rmmod "$name" || fail "$name does not go"
done
