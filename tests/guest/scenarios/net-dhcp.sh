# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# An address by DHCP, and the peer answers on it.
#: cpus=1 deadline=240 peer=udhcpd
#: --net @nic@,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

cat >/tmp/udhcpc <<'EOF'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/${mask:-24}" dev "$interface"
echo "$ip $router" >/tmp/lease
EOF
chmod +x /tmp/udhcpc

driver_load
run ip link set "$nics" up
run udhcpc -i "$nics" -f -q -n -t 20 -T 1 -s /tmp/udhcpc
read -r lease router </tmp/lease
result lease "$lease"
case $lease in
10.55.0.1[0-5]?) ;;
*) fail "lease $lease is not of the peer's range" ;;
esac
run ping -q -c 5 -i 0.01 -W 2 "$router"
