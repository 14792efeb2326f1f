# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# systemd as the first process merges the signed extension at boot, its unit loads the modules and hands over the NIC.
#: cpus=1 mem=1024 deadline=400 append=module.sig_enforce=1+rdinit=/lab/start prepare=packaging/boot
#: --net @nic@,id=net0,mac=00:15:5d:00:00:01,backend=sink

result systemd "$(systemctl --version | head -n 1)"
release=$(uname -r)
[ "$(cat /proc/1/comm)" = systemd ] || fail "the first process is $(cat /proc/1/comm)"
! touch /usr/written 2>/dev/null || fail "/usr can be written"

# Nobody asked for any of it: the system came up, and it was there.
same "systemd-sysext" active "$(systemctl is-active systemd-sysext)"
[ -d "/usr/lib/modules/$release/extra/hvaccel" ] || fail "the extension is not merged"
ls /sys/block/dm-*/dm/name >/dev/null 2>&1 || fail "merged without dm-verity"
result verity "$(cat /sys/block/dm-*/dm/name)"
eventually 60 "hvaccel-load.service" systemctl is-active hvaccel-load
for file in /usr/lib/modules/"$release"/extra/hvaccel/*.ko; do
	name=$(basename "$file" .ko)
	[ -d "/sys/module/$name" ] || fail "$name is not loaded"
	! grep -q E "/sys/module/$name/taint" || fail "$name counts as unsigned"
done
result load "$(systemctl show -P ActiveState,SubState hvaccel-load | paste -sd' ')"

# A NIC that was given to the driver before this boot has it, although udev and systemd-networkd had
# it with hv_netvsc before the extension's modules were there.
device=$(vmbus_nics)
rule=/etc/udev/rules.d/70-hvaccel-$device.rules
[ -s "$rule" ] || fail "the NIC is $device, the lab's rule is for another"
journalctl -b -o short-monotonic -u systemd-networkd -u hvaccel-load
eventually 20 "hv_netvsc_accel by the choice of an earlier boot" driver_bound "$device" hv_netvsc_accel
result driver "$(basename "$(readlink "$vmbus_devices/$device/driver")")"
eventually 20 "its address" grep -q 10.55.0.2 /proc/net/fib_trie
nic=$(ls "$vmbus_devices/$device/net")
# The rule of this test is the one that the command writes.
cp "$rule" /tmp/rule
run hvaccel switch "$nic" intree --confirm 0 --lose sockets
[ ! -e "$rule" ] || fail "the choice is still kept"
run hvaccel switch "$nic" accel --confirm 0 --lose sockets
run cmp "$rule" /tmp/rule

# The kernel looked at the signature of the root hash. Where one is asked for a stranger's will not do.
dmsetup table | grep -q root_hash_sig_key_desc || fail "merged without the root hash's signature: $(dmsetup table)"
run systemd-sysext unmerge --no-reload
mkdir /tmp/ours
mv /var/lib/extensions/* /tmp/ours/
cp /lab/stranger/* /var/lib/extensions/
refuse systemd-sysext merge --no-reload --image-policy=root=signed
result stranger "$(tail -n 1 /tmp/step.log)"
rm /var/lib/extensions/*
cp /tmp/ours/* /var/lib/extensions/
run systemd-sysext merge --no-reload --image-policy=root=signed

# An extension of another kernel: its unit says so and fails, and the machine stays up.
mkdir -p /run/other/usr/lib
cp -r /usr/lib/hvaccel /run/other/usr/lib/
mkdir -p /run/other/usr/lib/systemd/system /run/other/usr/lib/extension-release.d \
	/run/other/usr/share/hvaccel/kernels /run/other/usr/lib/modules/6.99.0/extra/hvaccel
cp /usr/lib/systemd/system/hvaccel-load.service /run/other/usr/lib/systemd/system/
cp -r /usr/lib/systemd/system/multi-user.target.d /run/other/usr/lib/systemd/system/
cp /usr/lib/extension-release.d/extension-release.hvaccel /run/other/usr/lib/extension-release.d/
: >/run/other/usr/share/hvaccel/kernels/6.99.0
rm /var/lib/extensions/hvaccel.*
mkdir -p /run/extensions
mv /run/other /run/extensions/hvaccel
run systemd-sysext refresh
[ ! -e "/usr/lib/modules/$release/extra/hvaccel" ] || fail "the first extension is still merged"
# One more start than the unit's limit has left.
run systemctl reset-failed hvaccel-load
refuse systemctl restart hvaccel-load
journalctl -b -o cat -u hvaccel-load >/tmp/said
grep -qF "hvaccel: this extension is for 6.99.0, the kernel is $release; NICs stay with hv_netvsc" /tmp/said ||
	{ cat /tmp/said && fail "the unit does not say what is wrong"; }
result other_kernel "$(systemctl is-failed hvaccel-load || :)"
