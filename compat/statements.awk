# SPDX-License-Identifier: GPL-2.0
#
# C to one statement a line: comments out, continued lines joined, blanks squeezed. A line ends at
# ';', '{' or '}'; preprocessor lines stay whole. For reading declarations, not for compiling.

function flush_text() {
	gsub(/[ \t]+/, " ", text)
	sub(/^ /, "", text)
	sub(/ $/, "", text)
	if (text != "")
		print text
	text = ""
}

{
	line = $0
	if (joined != "") {
		line = joined line
		joined = ""
	}
	if (line ~ /\\$/) {
		joined = substr(line, 1, length(line) - 1) " "
		next
	}
	out = ""
	while (line != "") {
		if (comment) {
			end = index(line, "*/")
			if (!end)
				break
			line = substr(line, end + 2)
			comment = 0
			continue
		}
		start = index(line, "/*")
		slashes = index(line, "//")
		if (slashes && (!start || slashes < start)) {
			out = out substr(line, 1, slashes - 1)
			break
		}
		if (!start) {
			out = out line
			break
		}
		out = out substr(line, 1, start - 1) " "
		line = substr(line, start + 2)
		comment = 1
	}
	if (out ~ /^[ \t]*#/) {
		flush_text()
		text = out
		flush_text()
		next
	}
	n = length(out)
	for (i = 1; i <= n; i++) {
		c = substr(out, i, 1)
		if (c == "}")
			flush_text()
		text = text c
		if (c == ";" || c == "{")
			flush_text()
	}
	text = text " "
}

END {
	flush_text()
}
