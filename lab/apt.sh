# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# lab/apt.sh - an apt of the lab's own, below $apt: its lists, cache and
# sources; from the machine it takes which mirrors there are and how to reach
# the network (Acquire::*), and nothing else. Sourced after lab/lib.sh.

# "URI SUITE" of every main archive that the machine's sources name, whatever
# format they are written in.
apt_sources() {
	# shellcheck disable=SC2016 # apt's words, not the shell's
	apt-get indextargets --no-release-info \
		--format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
		awk '$3 == "main" && $1 !~ /^cdrom:/ && !seen[$0]++ { print $1, $2 }'
}

# The keys that Debian signs with.
apt_keyring() {
	for keyring in /usr/share/keyrings/debian-archive-keyring.pgp \
		       /usr/share/keyrings/debian-archive-keyring.gpg; do
		[ ! -e "$keyring" ] || { echo "$keyring"; return; }
	done
	return 1
}

# apt_configure SETTING...: further lines of the configuration
apt_configure() {
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/empty"
	: >"$apt/status"
	{
		apt-config dump | grep '^Acquire::'
		cat <<-END
			Acquire::Languages "none";
			Acquire::AllowInsecureRepositories "false";
			APT::Get::AllowUnauthenticated "false";
			APT::Sandbox::User "root";
			Dir::State "$apt";
			Dir::State::Lists "$apt/lists";
			Dir::State::status "$apt/status";
			Dir::Cache "$apt/cache";
			Dir::Etc::Main "$apt/empty/main";
			Dir::Etc::Parts "$apt/empty";
			Dir::Etc::SourceList "$apt/sources.list";
			Dir::Etc::SourceParts "$apt/empty";
			Dir::Etc::Preferences "$apt/empty/preferences";
			Dir::Etc::PreferencesParts "$apt/empty";
		END
		[ $# = 0 ] || printf '%s\n' "$@"
	} >"$apt/apt.conf"
}

# apt_update LOG: fetch the lists of the sources in $apt/sources.list. One that
# does not answer or that Debian's keys do not verify, such as somebody else's
# archive with a suite of the same name, is left out and named; it fails if none
# is left.
apt_update() {
	apt_own apt-get -q update >"$1" 2>&1 && return
	: >"$apt/sources.good"
	cp "$apt/sources.list" "$apt/sources.all"
	while IFS= read -r source; do
		echo "$source" >"$apt/sources.list"
		if apt_own apt-get -q -o APT::Update::Error-Mode=any -o APT::Get::List-Cleanup=false update >"$1" 2>&1 </dev/null; then
			echo "$source" >>"$apt/sources.good"
		else
			say "leaving out ${source#*] }: $(grep -m1 '^[EW]:' "$1" || tail -n 1 "$1")"
		fi
	done <"$apt/sources.all"
	mv "$apt/sources.good" "$apt/sources.list"
	[ -s "$apt/sources.list" ] && apt_own apt-get -q update >"$1" 2>&1
}

apt_own() {
	command=$1
	shift
	APT_CONFIG=$apt/apt.conf "$command" "$@"
}
