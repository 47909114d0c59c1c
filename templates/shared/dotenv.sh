#!/bin/sh
# Keeps .env a file that make, compose and editors read alike. Each has rules of its own for quotes, `#`, `$`,
# backslashes and blanks at the ends of a value. A secret that needs them belongs into a file that NAME_FILE names.
#
#   sh scripts/dotenv complete    makes .env from .env.example, or adds the variables that it lacks
#   sh scripts/dotenv check       names the lines that are read differently, never their values
set -eu

complete() {
    if [ ! -e .env ]; then
        umask 077
        cp .env.example .env
        printf '\n# User and group that compose.yaml runs the service as.\nSERVICE_USER=%s\n' "$(id -u):$(id -g)" >> .env
        return
    fi
    # A variable that is commented out, or read from a file, is not missing.
    missing=$(awk '
        function name(line) {
            sub(/^#[ \t]*/, "", line)
            if (!match(line, /^[A-Z][A-Z0-9_]*=/)) return ""
            line = substr(line, 1, RLENGTH - 1)
            sub(/_FILE$/, "", line)
            return line
        }
        FILENAME == ".env" { known[name($0)] = 1; next }
        /^# / && name($0) == "" { comment = /^# ---/ ? "" : comment $0 "\n"; next }
        /^[A-Z]/ && !(name($0) in known) { printf "\n%s%s\n", comment, $0 }
        { comment = "" }
    ' .env .env.example)
    if [ -n "$missing" ]; then
        printf '\n# Added by make setup.\n%s\n' "$missing" >> .env
        echo "Added to .env:" $(printf '%s\n' "$missing" | sed -n 's/^\([A-Z][A-Z0-9_]*\)=.*/\1/p')
    fi
}

check() {
    awk '
        function refuse(reason) { print ".env, line " NR ": " reason; refused = 1 }
        /^#.*\\$/ { refuse("a comment ends with a backslash"); next }
        /^#/ || /^[ \t\r]*$/ { next }
        !match($0, /^[A-Za-z_][A-Za-z0-9_]*=/) { refuse("this is not NAME=value"); next }
        {
            name = substr($0, 1, RLENGTH - 1)
            value = substr($0, RLENGTH + 1)
            if (value ~ /^[ \t\r]/ || value ~ /[ \t\r]$/) refuse(name " begins or ends with a blank")
            if (match(value, /[#$"`\\\047]/))
                refuse(name " holds " substr(value, RSTART, 1) ", which make, compose and editors read differently;" \
                    " a secret can stand in a file that " name "_FILE names")
        }
        END { exit refused }
    ' .env >&2
}

case ${1-} in
complete | check) "$1" ;;
*) echo "usage: sh scripts/dotenv complete|check" >&2 && exit 2 ;;
esac
