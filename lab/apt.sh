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

apt_own() {
	command=$1
	shift
	APT_CONFIG=$apt/apt.conf "$command" "$@"
}
