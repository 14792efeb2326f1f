# SPDX-License-Identifier: GPL-2.0
#
# The XML of a topology, as the parsers of NCCL and RCCL read it, to lines like those of a description:
# one for each group. Ends with 1 at the first thing that those parsers would choke on, or that the
# format has no room for.

function bad(why) {
	printf "line %d: %s: %s\n", NR, why, $0 >"/dev/stderr"
	failed = 1
	exit 1
}

# value(NAME): of an attribute of the element in this line, "" when there is none.
function value(name) {
	if (!match($0, " " name "=\"[^\"]*\""))
		return ""
	return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4)
}

function flush() {
	if (nodes_of_group != "")
		printf "%s: %s +%s\n", node, gpus, nics
	nodes_of_group = gpus = nics = ""
}

function member(busid, class) {
	nodes_of_group = "yes"
	if (class ~ /^0x02/)
		nics = nics " " substr(busid, 1, 4)
	else
		gpus = gpus (gpus == "" ? "" : " ") substr(busid, 1, 4)
}

/[\t\r]/ { bad("a blank that is no space") }

{
	line = $0
	sub(/^ */, "", line)
	if (line ~ /  /)
		bad("more than one space")
	if (line !~ /^<\/?[a-z]+( [a-z_]+="[^"<>]*")*\/?>$/)
		bad("not one element")
	if (line !~ /^<\// && ++elements > 256)
		bad("more than 256 elements")
	n = gsub(/="/, "&", line)
	if (n > 16)
		bad("more than 16 attributes")
}

NR == 1 {
	if (line !~ /^<system version="[12]">$/)
		bad("does not begin with <system version=...>")
	version = value("version")
}

/<system/ && NR > 1 { bad("system") }
/<cpu/ {
	node = value("numaid")
	if (node !~ /^[0-9]+$/)
		bad("numaid")
	if (value("affinity") !~ /^[0-9a-f]+(,[0-9a-f]+)*$/)
		bad("affinity")
	depth = 1
}
/<pci/ {
	busid = value("busid")
	class = value("class")
	if (busid !~ /^[0-9a-f]+:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]\.[0-7]$/)
		bad("busid")
	if (busid in seen)
		bad("twice")
	seen[busid] = 1
	if (class == "0x060400") {
		if (line ~ /\/>$/ || depth != 1)
			bad("a bridge with nothing below it")
		depth = 2
	} else {
		if (line !~ /\/>$/)
			bad("a function with something below it")
		if (depth < 1)
			bad("a function outside of a cpu")
		member(busid, class)
		if (depth == 1)
			flush()
	}
}
/<\/pci>/ {
	if (depth != 2)
		bad("closes nothing")
	flush()
	depth = 1
}
/<\/cpu>/ {
	if (depth != 1)
		bad("closes nothing")
	depth = 0
}
/<\/system>/ { closed = 1 }

END {
	if (failed)
		exit 1
	if (!closed || depth) {
		print "not closed" >"/dev/stderr"
		exit 1
	}
}
