# SPDX-License-Identifier: GPL-2.0
# Rows of all runs of one bench ([[rows of run 1], [rows of run 2], ...]) into one row for each
# driver and phase: the median run, with every run's guest_ns (or memory_kb) and their spread.
# Arguments: $bench, $setting, $kernel.

def value: .guest_ns // .memory_kb;
[ .[][] ] | group_by([.phase, .driver]) | map(
    (if all(.[]; value) then sort_by(value) else . end) as $sorted
    | $sorted[($sorted | length) / 2 | floor]
    | { bench: $bench, setting: $setting, kernel: $kernel } + .
    | if value then
        .runs = ($sorted | map(value))
        | .spread = ((.runs | max) / (.runs | min) - 1)
      else . end)
| . as $rows
| map(. as $r
    | ([ $rows[] | select(.driver == "hv_netvsc" and .phase == $r.phase) ][0] | value) as $base
    | .ratio = (if $base and value then value / $base else null end))
