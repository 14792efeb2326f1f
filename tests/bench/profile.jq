# SPDX-License-Identifier: GPL-2.0
# A phase's profile by group and function. Arguments: $phase, $groups (text of tests/bench/groups),
# $rows (of the same phase without a profile, or []), $top.

def r($d): if . == null then "-" else . * pow(10; $d) | round / pow(10; $d) end;

[ $groups | split("\n")[] | select(test("^[a-z]")) | capture("^(?<group>[a-z]+)\\s+(?<module>@?)(?<pattern>.*)$") ] as $patterns
| def group: . as $f
    | [ $patterns[] | select(.pattern as $p | if .module == "@" then ($f.module | test($p)) else ($f.name | test($p)) end) ][0].group // "stack";

[ .results | to_entries[] | select(.key | startswith("profile/") and endswith("/" + $phase))
  | (.key | split("/")[1]) as $driver | .value as $v
  | ($v.guest + $v.host + $v.hvlab) as $all | select($all > 0)
  | ([ $rows[] | select(.phase == $phase and .driver == $driver) ][0].guest_ns) as $ns
  | [ $v.functions[] | . + { group: group } ] as $functions
  | { driver: $driver, samples: $all, lost: $v.lost, guest_ns: $ns,
      groups: ([ $functions | group_by(.group)[] | { group: .[0].group, samples: (map(.samples) | add) } ]
               + [ { group: "exit, in KVM", samples: $v.host }, { group: "exit, in hvlab", samples: $v.hvlab } ]
               | map(.share = .samples / $all | .ns = (if $ns then .share * $ns else null end))
               | sort_by(-.samples)),
      functions: ($functions[:$top] | map(.share = .samples / $all | .ns = (if $ns then .share * $ns else null end))) } ]
