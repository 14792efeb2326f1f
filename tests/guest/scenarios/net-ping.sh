# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Static IPv4 and IPv6 addresses; small and large pings to the peer.
#: cpus=1 deadline=120
#: --net @nic@,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

driver_load
result driver "$(ethtool -i "$nics" | sed -n 's/^driver: //p')"
address "$nics"
all_channels "$nics"
echo_test
echo_test -s 1400
echo_test -s 20000
rtt=$(ping -q -c 20 -i 0.01 "$peer4" | sed -n 's|^rtt.*= \([0-9.]*\)/\([0-9.]*\)/.*|\1 \2|p')
result ping_min_ms "${rtt% *}"
result ping_avg_ms "${rtt#* }"
